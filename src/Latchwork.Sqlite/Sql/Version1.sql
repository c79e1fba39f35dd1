-- Times of timers are ms, those of locks and clocks ticks (100 ns) or µs, all since 1970-01-01 UTC; each column says which.

-- A partition of a namespace of timers: its format, its clock, its counts, and who listens. Here a namespace has one partition.
CREATE TABLE timer_namespaces (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    format      INTEGER NOT NULL,
    partitions  INTEGER NOT NULL,
    seal        TEXT,                 -- set while the namespace is being moved elsewhere: the move's id
    clock_last  INTEGER NOT NULL,     -- ticks: the last time that was given
    clock_offset INTEGER NOT NULL,    -- ticks: by how much the machine's clock went back in all
    scheduled   INTEGER NOT NULL,
    in_flight   INTEGER NOT NULL,
    dead        INTEGER NOT NULL,
    dead_trimmed INTEGER NOT NULL,
    roster      BLOB    NOT NULL,
    UNIQUE (name, partition)
) STRICT;

-- What an event is. Where it stands is in exactly one of the three tables after this one: a claim or a renewal rewrites no payload.
CREATE TABLE events (
    key         INTEGER PRIMARY KEY,
    namespace   INTEGER NOT NULL,
    id          TEXT    NOT NULL,
    due         INTEGER NOT NULL,     -- ms; in flight and dead: when it was due
    retries     INTEGER NOT NULL,
    max_retries INTEGER NOT NULL,
    headers     BLOB,
    failures    BLOB,
    payload     BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_id ON events (namespace, id);

CREATE TABLE scheduled (
    namespace   INTEGER NOT NULL,
    due         INTEGER NOT NULL,     -- ms, the same as the event's
    id          TEXT    NOT NULL,
    key         INTEGER NOT NULL,
    PRIMARY KEY (namespace, due, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    key         INTEGER PRIMARY KEY,
    namespace   INTEGER NOT NULL,
    deadline    INTEGER NOT NULL,     -- ms
    token       TEXT    NOT NULL,
    node        TEXT    NOT NULL
) STRICT;
CREATE INDEX leases_by_deadline ON leases (namespace, deadline);

CREATE TABLE dead (
    key         INTEGER PRIMARY KEY,
    namespace   INTEGER NOT NULL,
    died        INTEGER NOT NULL,     -- ms
    id          TEXT    NOT NULL,
    reason      INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_by_time ON dead (namespace, died, id);

-- A namespace of locks.
CREATE TABLE lock_namespaces (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    format      INTEGER NOT NULL,
    seal        TEXT
) STRICT;

-- A key: its lock and its last outcome, two independent parts.
CREATE TABLE locks (
    key         INTEGER PRIMARY KEY,
    namespace   INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    generation  INTEGER NOT NULL,     -- the highest ever given
    keep_until  INTEGER NOT NULL,     -- µs
    garbage_from INTEGER NOT NULL,    -- µs: from then on the row can be dropped
    published_generation INTEGER NOT NULL,
    published_nonce TEXT NOT NULL,
    node        TEXT,                 -- null: not locked
    nonce       TEXT,
    started     INTEGER,              -- µs
    lock_timeout INTEGER,             -- µs
    taken_over  INTEGER,
    lease       INTEGER,              -- µs
    deadline    INTEGER,              -- µs
    outcome_generation INTEGER,       -- null: no outcome
    outcome_kind INTEGER,
    published_at INTEGER,             -- µs
    fresh_for   INTEGER,              -- µs
    hand_over_for INTEGER,            -- µs
    outcome     BLOB
) STRICT;
CREATE UNIQUE INDEX locks_by_name ON locks (namespace, name);
CREATE INDEX locks_held ON locks (namespace, name) WHERE node IS NOT NULL;
CREATE INDEX locks_garbage ON locks (garbage_from);

-- The processes that can be notified, and what they wait for.
CREATE TABLE processes (
    id          INTEGER PRIMARY KEY,
    port        INTEGER NOT NULL,     -- UDP, on 127.0.0.1
    cookie      BLOB    NOT NULL,     -- what a message must begin with
    seen        INTEGER NOT NULL      -- ticks
) STRICT;

CREATE TABLE subscriptions (
    topic       TEXT    NOT NULL,
    process     INTEGER NOT NULL,
    PRIMARY KEY (topic, process)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_by_process ON subscriptions (process);
