-- Since when an event is in flight, in ms; 0: not known, as it was claimed before this version.
ALTER TABLE leases ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0;

-- The counters of a namespace of timers (see CounterRing); null: nothing was counted yet.
ALTER TABLE timer_namespaces ADD COLUMN counters BLOB;

-- Its minutes and hours that are over.
CREATE TABLE timer_counts (
    namespace   INTEGER NOT NULL,
    is_hour     INTEGER NOT NULL,
    place       INTEGER NOT NULL,     -- the number modulo as many as are kept
    number      INTEGER NOT NULL,     -- of the minute or hour, since 1970
    counts      BLOB    NOT NULL,
    PRIMARY KEY (namespace, is_hour, place)
) STRICT, WITHOUT ROWID;

-- What the lockers of a namespace have done.
ALTER TABLE lock_namespaces ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lock_namespaces ADD COLUMN takeovers INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lock_namespaces ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;

-- Of an occurrence of a schedule: when it was claimed for the first time, in µs. By that it is judged whether it was missed.
ALTER TABLE events ADD COLUMN first_claimed INTEGER;
