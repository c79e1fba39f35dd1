-- The history of a namespace of timers: a line for each id that was completed, the last time. Times are ms.
CREATE TABLE completed (
    namespace   INTEGER NOT NULL,
    id          TEXT    NOT NULL,
    completed   INTEGER NOT NULL,     -- when it was confirmed
    claimed     INTEGER NOT NULL,     -- when the node that held it last had claimed it
    due         INTEGER NOT NULL,
    node        TEXT    NOT NULL,
    retries     INTEGER NOT NULL,
    max_retries INTEGER NOT NULL,
    outcome     INTEGER NOT NULL,
    PRIMARY KEY (namespace, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX completed_by_time ON completed (namespace, completed, id);

-- How many lines it has.
ALTER TABLE timer_namespaces ADD COLUMN completed INTEGER NOT NULL DEFAULT 0;
