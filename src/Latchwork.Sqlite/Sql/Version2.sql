-- Moving namespaces between stores. A seal and an import are marks as text: phase, id of the move, count, place of the other store.
ALTER TABLE timer_namespaces ADD COLUMN import TEXT;
ALTER TABLE lock_namespaces ADD COLUMN import TEXT;

-- The journal of a move into a namespace of timers, while it is under way: the ids that came.
CREATE TABLE imported (
    namespace   INTEGER NOT NULL,
    id          TEXT    NOT NULL,
    PRIMARY KEY (namespace, id)
) STRICT, WITHOUT ROWID;
