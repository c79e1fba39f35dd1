-- How often a handler of an event was interrupted because its node left.
ALTER TABLE events ADD COLUMN interruptions INTEGER NOT NULL DEFAULT 0;
