-- Since when an event is in flight, in ms; 0: not known, as it was claimed before this version.
ALTER TABLE leases ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0;
