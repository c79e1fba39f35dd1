-- Recurring schedules of a namespace of timers. Their occurrences are events; times are ms.
CREATE TABLE schedules (
    key         INTEGER PRIMARY KEY,
    namespace   INTEGER NOT NULL,
    id          TEXT    NOT NULL,
    incarnation TEXT    NOT NULL,
    number      INTEGER NOT NULL,     -- of the version
    paused      INTEGER NOT NULL,
    expected    TEXT,                 -- the occurrence that comes next, and has not begun
    queued      TEXT,                 -- the occurrence that waits for the end of another
    decided     INTEGER NOT NULL,     -- the time up to which the chain is decided
    started     INTEGER NOT NULL,     -- counts
    missed      INTEGER NOT NULL,
    skipped     INTEGER NOT NULL,
    replaced    INTEGER NOT NULL,
    running     BLOB,                 -- occurrences that began
    history     BLOB,                 -- the last ten occurrences
    body        BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX schedules_by_id ON schedules (namespace, id);

-- When somebody last looked for schedules without an occurrence.
ALTER TABLE timer_namespaces ADD COLUMN schedules_swept INTEGER;
