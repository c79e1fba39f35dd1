-- Times are µs or ms since 1970-01-01 UTC; each column says which. Names that users give (namespaces, ids, nodes, keys) are UTF-8 in bytea: they
-- may hold any character, and are ordered by their bytes whatever the collation of the database is.

-- A partition of a namespace of timers: its format, its clock, its counts, and who is to claim next. Here a namespace has one partition.
CREATE TABLE @schema@.timer_partitions (
    id           integer  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace    bytea    NOT NULL,
    number       integer  NOT NULL,
    format       integer  NOT NULL,
    partitions   integer  NOT NULL,
    seal         text,                         -- the mark of a move from here
    import       text,                         -- the mark of a move to here
    pause        bytea,                        -- who paused it, since when, and why (see PauseText), in UTF-8; null: it is not paused
    clock_last   bigint   NOT NULL DEFAULT 0,  -- µs: a time that was given; later ones are not less
    clock_offset bigint   NOT NULL DEFAULT 0,  -- µs: by how much the server's clock went back in all
    scheduled    bigint   NOT NULL DEFAULT 0,  -- counts, together with what is in timer_counts
    in_flight    bigint   NOT NULL DEFAULT 0,
    dead         bigint   NOT NULL DEFAULT 0,
    evicted      bigint   NOT NULL DEFAULT 0,
    completed    bigint   NOT NULL DEFAULT 0,  -- the lines of its history
    primary_node bytea,                        -- who asks at the due time of the head
    primary_at   bigint   NOT NULL DEFAULT 0,  -- ms
    primary_since bigint  NOT NULL DEFAULT 0,  -- ms: when its turn began
    backup_node  bytea,                        -- who asks a little later
    backup_at    bigint   NOT NULL DEFAULT 0,  -- ms
    stalled      integer  NOT NULL DEFAULT 0,  -- how often in a row all that was due was locked by somebody
    due_from     bigint   NOT NULL DEFAULT 0,  -- ms: nothing that is scheduled is due before that, unless a line of timer_counts says so. Only claims move it, so that none goes again
                                               -- through what others have taken and vacuum has not removed yet
    completed_from bigint NOT NULL DEFAULT 0,  -- ms: no line of the history is older, or it was committed late and is trimmed within a minute
    completed_offset bigint NOT NULL DEFAULT 0, -- µs: the offset of the clock when that was noted; with another one it says nothing, as lines have the server's time
    leases_from  bigint   NOT NULL DEFAULT 0,  -- ms: no lease ends before that; only claims make leases, and they lock this row
    swept        bigint   NOT NULL DEFAULT 0,  -- µs: when old nodes were last forgotten
    schedules_swept bigint,                    -- ms: when somebody last looked for schedules without an occurrence
    count_minute bigint    NOT NULL DEFAULT 0, -- the minute (since 1970) in which something was last counted (see CounterRing); together with what is in timer_counts
    minute_counts bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0,0,0,0,0,0,0}', -- what was counted in it
    hour_counts  bigint[]  NOT NULL DEFAULT '{0,0,0,0,0,0,0,0,0,0,0,0,0}', -- in the other minutes of its hour
    before_counts bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0,0,0,0,0,0,0}', -- before that hour
    UNIQUE (namespace, number)
) WITH (fillfactor = 50);

-- An event, in one of three states. A claim rewrites its row without the payload where that is kept apart (TOAST, from 2 KB on).
CREATE TABLE @schema@.timer_events (
    partition_id integer  NOT NULL,
    state        smallint NOT NULL,            -- 0 scheduled, 1 in flight, 2 dead-lettered
    reason       smallint,                     -- dead-lettered: why
    retries      integer  NOT NULL,
    max_retries  integer  NOT NULL,
    due          bigint   NOT NULL,            -- ms, by the partition's clock; in flight and dead-lettered: when it was due
    raw_due      bigint,                       -- ms; of an absolute time: what was asked for, by the server's clock; null: a delay or a backoff
    until        bigint,                       -- ms; in flight: the end of the lease; dead-lettered: since when
    id           bytea    NOT NULL,
    token        bytea,                        -- in flight: the delivery's
    node         bytea,                        -- in flight: who holds it
    claimed      bigint,                       -- ms; in flight: since when
    headers      bytea,
    failures     bytea[],                      -- the last ten: see timer_failure
    interruptions integer NOT NULL DEFAULT 0,  -- how often its handlers were stopped by nodes that left
    first_claimed bigint,                      -- µs; of an occurrence of a schedule: when it was claimed for the first time
    payload      bytea    NOT NULL,
    PRIMARY KEY (partition_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.1);
ALTER TABLE @schema@.timer_events ALTER COLUMN payload SET STORAGE EXTERNAL;
CREATE INDEX timer_events_scheduled ON @schema@.timer_events (partition_id, due, id) WHERE state = 0;
CREATE INDEX timer_events_in_flight ON @schema@.timer_events (partition_id, until, id) WHERE state = 1;
CREATE INDEX timer_events_absolute ON @schema@.timer_events (partition_id, (due - raw_due)) WHERE state = 0 AND raw_due IS NOT NULL;
CREATE INDEX timer_events_dead ON @schema@.timer_events (partition_id, until, id) WHERE state = 2;

-- The history: a line for each id that was completed, the last time. What is too old or too many is deleted from the far end of the index by time.
CREATE TABLE @schema@.timer_completed (
    partition_id integer  NOT NULL,
    outcome      smallint NOT NULL,
    retries      integer  NOT NULL,
    max_retries  integer  NOT NULL,
    due          bigint   NOT NULL,            -- ms
    claimed      bigint   NOT NULL,            -- ms: since when the node that held it last had held it
    completed    bigint   NOT NULL,            -- ms: when it was confirmed
    id           bytea    NOT NULL,
    node         bytea    NOT NULL,
    PRIMARY KEY (partition_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.1);
CREATE INDEX timer_completed_by_time ON @schema@.timer_completed (partition_id, completed, id);

-- Changes of the counts of a partition, and what happened to events in a minute, appended by transactions that must not lock its row. Claims add them up.
CREATE TABLE @schema@.timer_counts (
    partition_id integer NOT NULL,
    scheduled    integer NOT NULL,
    in_flight    integer NOT NULL,
    dead         integer NOT NULL,
    evicted      integer NOT NULL,
    minute       bigint,                       -- since 1970; null: nothing happened that is counted by time
    posted       integer,
    replaced     integer,
    cancelled    integer,
    confirmed    integer,
    failed       integer,
    handed_back  integer,
    dead_exhausted integer,
    dead_expired integer,
    dead_rejected integer,
    dead_unreadable integer,
    dead_damaged integer,
    completed    integer,                      -- lines of the history that came, less those that went
    earliest     bigint                        -- ms: when the earliest that was scheduled is due; null: nothing was
);
CREATE INDEX timer_counts_by_partition ON @schema@.timer_counts (partition_id);
-- For confirmations, which sum what they have completed: posts, of which there may be millions before a claim adds them up, are not in it.
CREATE INDEX timer_counts_completed ON @schema@.timer_counts (partition_id) INCLUDE (completed) WHERE completed IS NOT NULL;

-- Minutes and hours of the counters that are over. Only who has locked the partition's row writes here.
CREATE TABLE @schema@.timer_buckets (
    partition_id integer  NOT NULL,
    is_hour      boolean  NOT NULL,
    place        smallint NOT NULL,            -- the number modulo as many as are kept
    number       bigint   NOT NULL,            -- of the minute or hour, since 1970
    counts       bigint[] NOT NULL,
    PRIMARY KEY (partition_id, is_hour, place)
) WITH (fillfactor = 70);

-- The nodes that listen to a partition, and those that fell silent in the last hour. Only who has locked the partition's row writes here.
CREATE TABLE @schema@.timer_nodes (
    partition_id integer NOT NULL,
    node         bytea   NOT NULL,
    last_seen    bigint  NOT NULL,             -- µs
    held         integer NOT NULL,
    is_full      boolean NOT NULL,
    poll_slot    bigint  NOT NULL,             -- ms; 0: none, it is silent
    place        bigint  NOT NULL,             -- in the rotation; 0: it is not in it
    claim_token  bytea,                        -- of its last claim
    PRIMARY KEY (partition_id, node)
) WITH (fillfactor = 50);

-- Which process hears for which node. A process that lives holds the advisory lock (@processes@, process).
CREATE TABLE @schema@.timer_subscriptions (
    namespace    bytea   NOT NULL,
    node         bytea   NOT NULL,
    process      integer NOT NULL,
    PRIMARY KEY (namespace, node, process)
);
CREATE INDEX timer_subscriptions_by_process ON @schema@.timer_subscriptions (process);

-- The journal of a move into a namespace of timers, while it is under way: the ids that came.
CREATE TABLE @schema@.timer_imported (
    partition_id integer NOT NULL,
    id           bytea   NOT NULL,
    PRIMARY KEY (partition_id, id)
);

-- Recurring schedules. Their occurrences are events: the schedule's id, 0x1F, and what tells them apart. The program decides the steps, in a transaction
-- that locks the schedule's row first and then those of events, each in order of their ids. Times are ms.
CREATE TABLE @schema@.timer_schedules (
    partition_id integer NOT NULL,
    id           bytea   NOT NULL,
    incarnation  text    NOT NULL,
    number       bigint  NOT NULL,             -- of the version
    is_paused    boolean NOT NULL,
    expected     bytea,                        -- the occurrence that comes next, and has not begun
    queued       bytea,                        -- the occurrence that waits for the end of another
    decided      bigint  NOT NULL,             -- the time up to which the chain is decided
    started      bigint  NOT NULL,             -- counts
    missed       bigint  NOT NULL,
    skipped      bigint  NOT NULL,
    replaced     bigint  NOT NULL,
    running      bytea,                        -- occurrences that began (see ScheduleCodec)
    history      bytea,                        -- the last ten occurrences
    body         bytea   NOT NULL,
    PRIMARY KEY (partition_id, id)
) WITH (fillfactor = 70);
ALTER TABLE @schema@.timer_schedules ALTER COLUMN body SET STORAGE EXTERNAL;

-- Whether an event is an occurrence that has not begun: then the end of its lease spends no retry.
CREATE FUNCTION @schema@.timer_not_begun(p_part integer, p_id bytea) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT position('\x1f'::bytea IN p_id) > 0 AND EXISTS (
        SELECT 1 FROM @schema@.timer_schedules s
        WHERE s.partition_id = p_part AND s.id = substring(p_id FROM 1 FOR position('\x1f'::bytea IN p_id) - 1) AND (s.expected = p_id OR s.queued = p_id))
$$;

-- The time in µs; a given one is that of a test.
CREATE FUNCTION @schema@.clock(p_clock bigint) RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT coalesce(p_clock, floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint) $$;

-- Finds a partition, or makes it.
CREATE FUNCTION @schema@.timer_open(p_namespace bytea, p_number integer, p_format integer, OUT part @schema@.timer_partitions)
LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        SELECT * INTO part FROM @schema@.timer_partitions p WHERE p.namespace = p_namespace AND p.number = p_number;
        EXIT WHEN FOUND;
        INSERT INTO @schema@.timer_partitions (namespace, number, format, partitions) VALUES (p_namespace, p_number, p_format, 1) ON CONFLICT DO NOTHING;
    END LOOP;
END $$;

-- Begins an operation on a partition, and answers its row with the time in clock_last. Refuses a namespace that is being moved. The shared advisory
-- lock is what a move waits for before it seals the namespace: no row is locked unless that is asked for.
CREATE FUNCTION @schema@.timer_enter(p_part integer, p_clock bigint, p_wait integer, p_lock boolean) RETURNS @schema@.timer_partitions
LANGUAGE plpgsql AS $$
DECLARE
    part @schema@.timer_partitions;
    reading bigint;
BEGIN
    -- Under a snapshot that is older than the lock below, a namespace that is being moved or dropped would be written to.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING ERRCODE = 'LW004', MESSAGE = current_setting('transaction_isolation');
    END IF;
    IF p_wait IS NOT NULL THEN PERFORM set_config('lock_timeout', p_wait::text, true); END IF;
    PERFORM pg_advisory_xact_lock_shared(@space@, p_part);
    IF p_lock THEN
        SELECT * INTO part FROM @schema@.timer_partitions p WHERE p.id = p_part FOR NO KEY UPDATE;
    ELSE
        SELECT * INTO part FROM @schema@.timer_partitions p WHERE p.id = p_part;
    END IF;
    IF part.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LW003', MESSAGE = 'The namespace is not there any more.';
    END IF;
    IF part.format <> 1 OR part.partitions <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'LW002', MESSAGE = 'A timer namespace has format ' || part.format || ' and ' || part.partitions
            || ' partitions; this program works with format 1 and 1 partition on PostgreSQL. Update this program.';
    END IF;
    IF part.seal IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LW001', MESSAGE = 'timers ' || encode(part.namespace, 'hex') || ' ' || part.seal;
    END IF;
    reading := @schema@.clock(p_clock) + part.clock_offset;
    IF reading < part.clock_last THEN
        part.clock_offset := part.clock_offset + part.clock_last - reading;
    ELSE
        part.clock_last := reading;
    END IF;
    RETURN part;
END $$;

-- The offset of the clock as it is written down, for absolute due times. Who does not lock the partition's row sees an offset that nobody may note before time has passed, and it
-- would make them late; with the one that is noted they are early, if anything, and claims date them anew.
CREATE FUNCTION @schema@.timer_noted_offset(part @schema@.timer_partitions) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF part.clock_offset = 0 THEN RETURN 0; END IF;
    RETURN (SELECT p.clock_offset FROM @schema@.timer_partitions p WHERE p.id = part.id);
END $$;

-- Writes down what changed in a partition whose row is locked. In PL/pgSQL, like what else every operation does: a session keeps its plans, and
-- plans the body of a function in SQL at every call.
CREATE FUNCTION @schema@.timer_save(part @schema@.timer_partitions) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE @schema@.timer_partitions p SET
        clock_last = part.clock_last, clock_offset = part.clock_offset, scheduled = part.scheduled, in_flight = part.in_flight, dead = part.dead,
        evicted = part.evicted, completed = part.completed, primary_node = part.primary_node, primary_at = part.primary_at,
        primary_since = part.primary_since, backup_node = part.backup_node,
        backup_at = part.backup_at, stalled = part.stalled, due_from = part.due_from, completed_from = part.completed_from, completed_offset = part.completed_offset, leases_from = part.leases_from, swept = part.swept,
        count_minute = part.count_minute, minute_counts = part.minute_counts, hour_counts = part.hour_counts, before_counts = part.before_counts
    WHERE p.id = part.id;
END $$;

-- Notes changes of the counts, and what has happened (p_now in µs: when). Whoever schedules something, or changes when it is due, says when the earliest is: it is committed
-- with that, so a claim that can see the one can see the other.
CREATE FUNCTION @schema@.timer_count(
    p_part integer, p_scheduled integer, p_in_flight integer, p_dead integer, p_evicted integer, p_now bigint DEFAULT NULL,
    p_posted integer DEFAULT NULL, p_replaced integer DEFAULT NULL, p_cancelled integer DEFAULT NULL,
    p_confirmed integer DEFAULT NULL, p_failed integer DEFAULT NULL, p_handed_back integer DEFAULT NULL,
    p_dead_exhausted integer DEFAULT NULL, p_dead_expired integer DEFAULT NULL, p_dead_rejected integer DEFAULT NULL,
    p_dead_unreadable integer DEFAULT NULL, p_dead_damaged integer DEFAULT NULL, p_completed integer DEFAULT NULL, p_earliest bigint DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_scheduled <> 0 OR p_in_flight <> 0 OR p_dead <> 0 OR p_evicted <> 0 OR p_posted > 0 OR p_completed <> 0 OR p_earliest IS NOT NULL THEN
        INSERT INTO @schema@.timer_counts VALUES (
            p_part, p_scheduled, p_in_flight, p_dead, p_evicted, p_now / 60000000,
            p_posted, p_replaced, p_cancelled, p_confirmed, p_failed, p_handed_back, p_dead_exhausted, p_dead_expired, p_dead_rejected, p_dead_unreadable, p_dead_damaged, p_completed, p_earliest);
    END IF;
END $$;

-- Adds up what was counted.
CREATE FUNCTION @schema@.timer_sum(a bigint[], b bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY[a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5], a[6] + b[6], a[7] + b[7], a[8] + b[8], a[9] + b[9], a[10] + b[10], a[11] + b[11], a[12] + b[12], a[13] + b[13]]
$$;

-- Keeps a minute or an hour that is over.
CREATE FUNCTION @schema@.timer_keep(p_part integer, p_is_hour boolean, p_number bigint, p_counts bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO @schema@.timer_buckets VALUES (p_part, p_is_hour, p_number % CASE WHEN p_is_hour THEN 48 ELSE 60 END, p_number, p_counts)
    ON CONFLICT (partition_id, is_hour, place) DO UPDATE SET number = excluded.number, counts = excluded.counts
$$;

-- Counts what happened in a minute: as CounterRing.Count. The partition's row is locked.
CREATE FUNCTION @schema@.timer_tally(part @schema@.timer_partitions, p_minute bigint, p_counts bigint[]) RETURNS @schema@.timer_partitions LANGUAGE plpgsql AS $$
BEGIN
    IF part.count_minute > 0 AND p_minute > part.count_minute THEN
        PERFORM @schema@.timer_keep(part.id, false, part.count_minute, part.minute_counts);
        part.hour_counts := @schema@.timer_sum(part.hour_counts, part.minute_counts);
        part.minute_counts := '{0,0,0,0,0,0,0,0,0,0,0,0,0}';
        IF p_minute / 60 > part.count_minute / 60 THEN
            PERFORM @schema@.timer_keep(part.id, true, part.count_minute / 60, part.hour_counts);
            part.before_counts := @schema@.timer_sum(part.before_counts, part.hour_counts);
            part.hour_counts := '{0,0,0,0,0,0,0,0,0,0,0,0,0}';
        END IF;
    END IF;
    part.count_minute := greatest(part.count_minute, p_minute);
    part.minute_counts := @schema@.timer_sum(part.minute_counts, p_counts);
    RETURN part;
END $$;

-- By how many ms the partition's clock is ahead of the server's, rounded up, so that nothing is early.
CREATE FUNCTION @schema@.timer_ahead(p_offset bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT (p_offset + 999) / 1000 $$;

-- A delay in µs, or an absolute time in µs as -1 - time: in ms of the partition's clock. A time that has passed means now.
CREATE FUNCTION @schema@.timer_due(p_due bigint, p_now bigint, p_offset bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_due >= 0 THEN (p_now + p_due + 999) / 1000 ELSE greatest((-1 - p_due + 999) / 1000 + @schema@.timer_ahead(p_offset), p_now / 1000) END
$$;

-- The same absolute time in ms of the server's clock; null for a delay.
CREATE FUNCTION @schema@.timer_raw(p_due bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN p_due < 0 THEN (-1 - p_due + 999) / 1000 END $$;

-- When an event is due by the partition's clock: never before the server's clock has reached an absolute time, whatever the offset was when that was written down.
CREATE FUNCTION @schema@.timer_due_now(p_due bigint, p_raw bigint, p_offset bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(p_due, p_raw + @schema@.timer_ahead(p_offset))
$$;

-- An attempt that failed: attempt (4 bytes), when in ms (8), length of the node (2), node, error.
CREATE FUNCTION @schema@.timer_failure(p_attempt integer, p_at bigint, p_node bytea, p_error bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT int4send(p_attempt) || int8send(p_at) || int2send(length(p_node)::smallint) || p_node || p_error
$$;

-- The last ten failures.
CREATE FUNCTION @schema@.timer_failures(p_before bytea[], p_one bytea) RETURNS bytea[] LANGUAGE sql IMMUTABLE AS $$
    SELECT (array_append(p_before, p_one))[greatest(1, coalesce(cardinality(p_before), 0) - 8):]
$$;

-- Tells the processes that hear for a node. Answers whether there is one. A process that holds its lock no more is dead: its subscriptions go.
CREATE FUNCTION @schema@.timer_notify(p_namespace bytea, p_node bytea, p_message text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    hears integer;
    heard boolean := false;
BEGIN
    FOR hears IN SELECT s.process FROM @schema@.timer_subscriptions s WHERE s.namespace = p_namespace AND s.node = p_node LOOP
        IF pg_try_advisory_xact_lock_shared(@processes@, hears) THEN
            DELETE FROM @schema@.timer_subscriptions d WHERE d.ctid = ANY (ARRAY(
                SELECT s.ctid FROM @schema@.timer_subscriptions s WHERE s.process = hears FOR UPDATE SKIP LOCKED));
        ELSE
            PERFORM pg_notify('@channel@_' || hears, p_message);
            heard := true;
        END IF;
    END LOOP;
    RETURN heard;
END $$;

-- Tells a node that a delivery was taken from it. It only reads, so that it can be used in a transaction of the application.
CREATE FUNCTION @schema@.timer_revoke(part @schema@.timer_partitions, p_node bytea, p_id bytea, p_token bytea) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('@channel@_' || s.process, 'r ' || part.number || ' ' || encode(part.namespace, 'hex') || ' ' || encode(p_node, 'hex')
        || ' ' || encode(p_id, 'hex') || ' ' || encode(p_token, 'hex'))
    FROM @schema@.timer_subscriptions s WHERE s.namespace = part.namespace AND s.node = p_node
$$;

-- Tells every process, at the commit of the application's transaction, that something falls due soon. One payload a namespace: PostgreSQL sends it once.
CREATE FUNCTION @schema@.timer_hint(part @schema@.timer_partitions, p_earliest bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- In a pause nobody may take it. If the pause ends before the commit, it is found by the poll, as what is committed late is.
    IF part.pause IS NULL AND p_earliest <= part.clock_last / 1000 + 2000 THEN
        PERFORM pg_notify('@channel@', 'p ' || part.number || ' ' || encode(part.namespace, 'hex'));
    END IF;
END $$;

-- When the next event falls due, or the next lease runs out, in ms; null if nothing will. In a pause it is what nobody may take: see timer_claim.
CREATE FUNCTION @schema@.timer_head(p_part integer) RETURNS bigint LANGUAGE sql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
    SELECT least(
        (SELECT e.due FROM @schema@.timer_events e WHERE e.partition_id = p.id AND e.state = 0
            AND e.due >= least(p.due_from, (SELECT min(c.earliest) FROM @schema@.timer_counts c WHERE c.partition_id = p.id)) ORDER BY e.due, e.id LIMIT 1),
        (SELECT e.until FROM @schema@.timer_events e WHERE e.partition_id = p.id AND e.state = 1 AND e.until >= p.leases_from ORDER BY e.until LIMIT 1))
    FROM @schema@.timer_partitions p WHERE p.id = p_part
$$;

-- Notifies the next node of the rotation but two, to ask after a time, and puts it at the end unless it keeps its place. A node that nobody hears
-- leaves the rotation. With p_least it is, of the next four, the one that held least when it last asked.
CREATE FUNCTION @schema@.timer_notify_next(
    part @schema@.timer_partitions, p_except bytea, p_at bigint, p_grace bigint, p_also bytea DEFAULT NULL, p_keeps boolean DEFAULT false, p_least boolean DEFAULT false)
RETURNS bytea
LANGUAGE plpgsql AS $$
DECLARE
    chosen bytea;
    ask_us bigint := greatest(0, p_at * 1000 - part.clock_last) + p_grace * 1000;
BEGIN
    FOR tries IN 1..64 LOOP
        SELECT f.node INTO chosen FROM (
            SELECT n.node, n.held, n.place FROM @schema@.timer_nodes n
            WHERE n.partition_id = part.id AND n.place > 0 AND n.node IS DISTINCT FROM p_except AND n.node IS DISTINCT FROM p_also ORDER BY n.place LIMIT 4
        ) f ORDER BY CASE WHEN p_least THEN f.held ELSE 0 END, f.place LIMIT 1;
        IF NOT FOUND THEN RETURN NULL; END IF;
        IF @schema@.timer_notify(part.namespace, chosen, 'd ' || part.number || ' ' || ask_us || ' ' || encode(part.namespace, 'hex') || ' ' || encode(chosen, 'hex')) THEN
            IF NOT p_keeps THEN
                UPDATE @schema@.timer_nodes n SET place = (SELECT max(o.place) + 1 FROM @schema@.timer_nodes o WHERE o.partition_id = part.id)
                    WHERE n.partition_id = part.id AND n.node = chosen;
            END IF;
            RETURN chosen;
        END IF;
        UPDATE @schema@.timer_nodes n SET place = 0 WHERE n.partition_id = part.id AND n.node = chosen;
    END LOOP;
    RETURN NULL;
END $$;

-- A node that missed its poll slot by 3 s is silent: it is notified no more, and its role is free.
CREATE FUNCTION @schema@.timer_retire(part @schema@.timer_partitions) RETURNS @schema@.timer_partitions LANGUAGE plpgsql AS $$
DECLARE
    silent bytea;
BEGIN
    FOR silent IN
        UPDATE @schema@.timer_nodes n SET poll_slot = 0, place = 0
        WHERE n.partition_id = part.id AND n.poll_slot > 0 AND n.poll_slot < part.clock_last / 1000 - 3000 RETURNING n.node
    LOOP
        IF part.primary_node = silent THEN part.primary_node := NULL; END IF;
        IF part.backup_node = silent THEN part.backup_node := NULL; END IF;
    END LOOP;
    RETURN part;
END $$;

-- A primary waker that is 25 ms late is woken no more until it asks again.
CREATE FUNCTION @schema@.timer_drop_late_primary(part @schema@.timer_partitions) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF part.primary_at < part.clock_last / 1000 - 25 THEN
        UPDATE @schema@.timer_nodes n SET place = 0 WHERE n.partition_id = part.id AND n.node = part.primary_node;
    END IF;
END $$;

-- The backup waker keeps its place: the next head is its.
CREATE FUNCTION @schema@.timer_appoint_backup(part @schema@.timer_partitions, p_at bigint) RETURNS @schema@.timer_partitions LANGUAGE plpgsql AS $$
BEGIN
    part.backup_node := @schema@.timer_notify_next(part, part.primary_node, p_at, 50 + floor(random() * 150)::bigint, NULL, true);
    part.backup_at := p_at + 200;
    RETURN part;
END $$;

CREATE FUNCTION @schema@.timer_appoint(part @schema@.timer_partitions, p_at bigint) RETURNS @schema@.timer_partitions LANGUAGE plpgsql AS $$
BEGIN
    PERFORM @schema@.timer_drop_late_primary(part);
    part.backup_node := NULL;
    part.primary_node := @schema@.timer_notify_next(part, NULL, p_at, 0);
    part.primary_at := p_at;
    part.primary_since := part.clock_last / 1000;
    IF part.primary_node IS NOT NULL THEN part := @schema@.timer_appoint_backup(part, p_at); END IF;
    RETURN part;
END $$;

-- Whether the primary waker will come in time.
CREATE FUNCTION @schema@.timer_covers(part @schema@.timer_partitions, p_at bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT part.primary_node IS NOT NULL AND part.primary_at <= p_at AND part.primary_at >= part.clock_last / 1000 - 25
$$;

-- Whether there is no backup waker other than the asking node that will come in time.
CREATE FUNCTION @schema@.timer_needs_backup(part @schema@.timer_partitions, p_node bytea, p_at bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT part.backup_node IS NULL OR part.backup_node = p_node OR part.backup_at < part.clock_last / 1000 - 300 OR part.backup_at > p_at + 200
$$;

-- A node gives up its role, if it has one, and another is notified.
CREATE FUNCTION @schema@.timer_resign(part @schema@.timer_partitions, p_node bytea, p_head bigint) RETURNS @schema@.timer_partitions LANGUAGE plpgsql AS $$
DECLARE
    was_backup boolean := part.backup_node IS NOT DISTINCT FROM p_node;
    at bigint := greatest(p_head, part.clock_last / 1000);
BEGIN
    IF was_backup THEN part.backup_node := NULL; END IF;
    IF part.primary_node = p_node THEN part.primary_node := NULL; END IF;
    IF p_head IS NULL THEN RETURN part; END IF;
    IF NOT @schema@.timer_covers(part, at) THEN RETURN @schema@.timer_appoint(part, at); END IF;
    IF was_backup THEN RETURN @schema@.timer_appoint_backup(part, at); END IF;
    RETURN part;
END $$;

-- Something was scheduled, and that is committed: notifies two nodes if it is due earlier than the primary waker knows. It locks the partition's
-- row, so it comes before or after a claim's look at the head, never in between. Here, and where else it is set, a session would otherwise plan some searches
-- at every call, as their plans for the values at hand seem to cost less.
CREATE FUNCTION @schema@.timer_wake(p_part integer, p_clock bigint, p_wait integer, p_earliest bigint) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    part @schema@.timer_partitions;
    last bigint;
    shift bigint;
    at bigint;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true); -- a hint: if it is lost, it is found by the poll
    SELECT p.clock_last, p.clock_offset INTO last, shift FROM @schema@.timer_partitions p WHERE p.id = p_part;
    part := @schema@.timer_enter(p_part, p_clock, p_wait, true);
    at := greatest(p_earliest, part.clock_last / 1000);
    IF part.pause IS NOT NULL OR (part.primary_node IS NOT NULL AND part.primary_at <= at
        AND (@schema@.timer_covers(part, at) OR (part.backup_node IS NOT NULL AND part.backup_at >= part.clock_last / 1000 - 300)))
    THEN
        -- Not at every step: one write in 50 ms is enough to notice a clock that goes back.
        IF part.clock_last - last >= 50000 OR part.clock_offset <> shift THEN PERFORM @schema@.timer_save(part); END IF;
        RETURN;
    END IF;
    PERFORM @schema@.timer_save(@schema@.timer_appoint(@schema@.timer_retire(part), at));
END $$;

-- Locks the rows of events, in order of their ids, and answers where they are: whoever has locked a row may change it by its ctid, as long as the transaction
-- has not done so yet. Each id is a search of its own, as a plan that joins sets of ids with events would depend on what was last known of the table's
-- size, which is zero when a queue was empty at its last vacuum: then it is a search through the whole partition. An id whose row was removed while an earlier one was waited for
-- is not answered, though it may have another row by now, which is not locked.
CREATE FUNCTION @schema@.timer_locked(p_part integer, p_ids bytea[]) RETURNS TABLE (id bytea, state smallint, token bytea, at_tid tid)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    RETURN QUERY SELECT e.* FROM (SELECT DISTINCT g.id FROM unnest(p_ids) AS g (id) ORDER BY g.id) g
        CROSS JOIN LATERAL (SELECT e.id, e.state, e.token, e.ctid FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = g.id FOR UPDATE) e;
END $$;

-- Schedules events. New ids are added in the order of their bytes, then rows that exist are locked in that order: transactions that post several
-- of the same ids do not wait for each other in a circle. Outcomes: 0 created, 1 replaced, 2 kept, 3 exists.
CREATE FUNCTION @schema@.timer_post(
    p_part integer, p_clock bigint, p_wait integer, p_hint boolean, p_ids bytea[], p_dues bigint[], p_max integer[], p_exists integer[], p_headers bytea[], p_payloads bytea[],
    OUT outcomes integer[], OUT earliest bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, false);
    now_us bigint := part.clock_last;
    noted bigint := @schema@.timer_noted_offset(part);
    due_ms bigint;
    old record;
    scheduled integer := 0;
    in_flight integer := 0;
    dead integer := 0;
    news bytea[];
    locked bytea[];
    added integer;
    replaced integer;
    missing boolean;
    all_new boolean;
BEGIN
    outcomes := array_fill(NULL::integer, ARRAY[cardinality(p_ids)]);

    -- As a rule all ids of a batch are new. Then it costs less to look first, and to add them without asking at each. Not in a transaction of the application, which may post any
    -- number of batches: what can fail here is a transaction within it.
    IF NOT p_hint AND cardinality(p_ids) >= 64 THEN
        SELECT count(*) = cardinality(p_ids) AND count(e.id) = 0 INTO all_new FROM (SELECT DISTINCT g.id FROM unnest(p_ids) AS g (id)) g
        LEFT JOIN LATERAL (SELECT o.id FROM @schema@.timer_events o WHERE o.partition_id = p_part AND o.id = g.id OFFSET 0) e ON true;
        IF all_new THEN
            BEGIN
                INSERT INTO @schema@.timer_events (partition_id, state, retries, max_retries, due, raw_due, id, headers, payload)
                SELECT p_part, 0, 0, g.max, @schema@.timer_due(g.due, now_us, noted), @schema@.timer_raw(g.due), g.id, g.headers, g.payload
                FROM unnest(p_ids, p_dues, p_max, p_headers, p_payloads) AS g (id, due, max, headers, payload) ORDER BY g.id;
                scheduled := cardinality(p_ids);
                SELECT min(@schema@.timer_due(g.due, now_us, noted)) INTO earliest FROM unnest(p_dues) AS g (due);
                outcomes := array_fill(0, ARRAY[cardinality(p_ids)]);
            EXCEPTION WHEN unique_violation THEN
                NULL; -- somebody has added one of them meanwhile
            END;
        END IF;
    END IF;
    LOOP
        EXIT WHEN array_position(outcomes, NULL) IS NULL;
        WITH given AS MATERIALIZED (
            SELECT DISTINCT ON (g.id) g.n, g.id, @schema@.timer_due(g.due, now_us, noted) AS due, @schema@.timer_raw(g.due) AS raw, g.max, g.headers, g.payload
            FROM unnest(p_ids, p_dues, p_max, p_headers, p_payloads) WITH ORDINALITY AS g (id, due, max, headers, payload, n)
            WHERE outcomes[g.n] IS NULL ORDER BY g.id, g.n
        ), added AS (
            INSERT INTO @schema@.timer_events (partition_id, state, retries, max_retries, due, raw_due, id, headers, payload)
            SELECT p_part, 0, 0, g.max, g.due, g.raw, g.id, g.headers, g.payload FROM given g ORDER BY g.id
            ON CONFLICT DO NOTHING RETURNING id, due
        )
        SELECT array_agg(a.id), least(earliest, min(a.due)), scheduled + count(*) INTO news, earliest, scheduled FROM added a;

        -- As a rule all are new. Whatever tells them apart compares each with each, and a batch has a thousand.
        IF cardinality(news) = cardinality(p_ids) THEN
            outcomes := array_fill(0, ARRAY[cardinality(p_ids)]);
            EXIT;
        END IF;
        IF news IS NOT NULL THEN
            SELECT array_agg(CASE WHEN f.n IS NOT NULL THEN 0 ELSE o.outcome END ORDER BY o.n) INTO outcomes
            FROM unnest(outcomes) WITH ORDINALITY AS o (outcome, n) LEFT JOIN (
                SELECT min(g.n) AS n FROM unnest(p_ids) WITH ORDINALITY AS g (id, n) WHERE outcomes[g.n] IS NULL AND g.id = ANY (news) GROUP BY g.id
            ) f ON f.n = o.n;
            EXIT WHEN array_position(outcomes, NULL) IS NULL;
        END IF;

        -- What is kept as it is, is not locked: a lock on it would keep its node from extending and confirming it.
        FOR i IN 1..cardinality(p_ids) LOOP
            CONTINUE WHEN outcomes[i] IS NOT NULL OR p_exists[i] = 0;
            IF EXISTS (SELECT 1 FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_ids[i] AND e.state <> 2) THEN
                outcomes[i] := CASE WHEN p_exists[i] = 2 THEN 2 ELSE 3 END;
            END IF;
        END LOOP;
        EXIT WHEN array_position(outcomes, NULL) IS NULL;

        locked := ARRAY(SELECT l.id FROM @schema@.timer_locked(p_part, ARRAY(SELECT g.id FROM unnest(p_ids) WITH ORDINALITY AS g (id, n) WHERE outcomes[g.n] IS NULL)) l);
        missing := false;
        FOR i IN 1..cardinality(p_ids) LOOP
            CONTINUE WHEN outcomes[i] IS NOT NULL;
            SELECT e.state, e.token, e.node INTO old FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_ids[i];
            IF NOT FOUND OR array_position(locked, p_ids[i]) IS NULL THEN
                missing := true; -- it was there when its id was to be added, and is gone; or is there again, as a row that is not locked
            ELSIF old.state <> 2 AND p_exists[i] <> 0 THEN
                outcomes[i] := CASE WHEN p_exists[i] = 2 THEN 2 ELSE 3 END;
            ELSE
                due_ms := @schema@.timer_due(p_dues[i], now_us, noted);
                UPDATE @schema@.timer_events e SET
                    state = 0, reason = NULL, retries = 0, max_retries = p_max[i], due = due_ms, raw_due = @schema@.timer_raw(p_dues[i]), until = NULL, token = NULL, node = NULL,
                    headers = p_headers[i], failures = NULL, interruptions = 0, payload = p_payloads[i]
                WHERE e.partition_id = p_part AND e.id = p_ids[i];
                outcomes[i] := 1;
                earliest := least(earliest, due_ms);
                IF old.state = 1 THEN
                    PERFORM @schema@.timer_revoke(part, old.node, p_ids[i], old.token);
                    scheduled := scheduled + 1;
                    in_flight := in_flight - 1;
                ELSIF old.state = 2 THEN
                    scheduled := scheduled + 1;
                    dead := dead - 1;
                END IF;
            END IF;
        END LOOP;
        EXIT WHEN NOT missing;
    END LOOP;
    SELECT count(*) FILTER (WHERE o.outcome < 2), count(*) FILTER (WHERE o.outcome = 1) INTO added, replaced FROM unnest(outcomes) AS o (outcome);
    PERFORM @schema@.timer_count(p_part, scheduled, in_flight, dead, 0, now_us, p_posted => added, p_replaced => nullif(replaced, 0), p_earliest => earliest);
    IF p_hint THEN PERFORM @schema@.timer_hint(part, earliest); END IF;
END $$;

-- Deletes the oldest dead letters beyond the limits, 200 at most, of so many that there are. Answers how many.
CREATE FUNCTION @schema@.timer_evict(part @schema@.timer_partitions, p_dead bigint, p_retention bigint, p_keep bigint) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    too_many bigint := p_dead - p_keep;
    too_old bigint := part.clock_last / 1000 - p_retention;
    gone integer;
BEGIN
    WITH oldest AS MATERIALIZED (
        SELECT e.ctid AS at_tid, e.id, e.until FROM @schema@.timer_events e WHERE e.partition_id = part.id AND e.state = 2
        ORDER BY e.until, e.id LIMIT 200 FOR UPDATE SKIP LOCKED
    ), numbered AS (
        SELECT o.at_tid, o.until, row_number() OVER (ORDER BY o.until, o.id) AS n FROM oldest o
    )
    DELETE FROM @schema@.timer_events e WHERE e.ctid = ANY (ARRAY(SELECT o.at_tid FROM numbered o WHERE o.n <= too_many OR o.until < too_old));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;

-- Deletes lines of the history beyond the limits, 200 at most that are too many or too old, of so many that there are: of those too many first the ones of a time that is yet to
-- come, which are from before the clock was put back (or the newest would go), then the oldest. Answers how many. A line that somebody has locked
-- (its id is completed anew) is passed over. It searches from p_from on.
CREATE FUNCTION @schema@.timer_trim_completed(p_part integer, p_from bigint, p_lines bigint, p_before bigint, p_keep bigint, p_now bigint) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    going bigint := greatest(0, least(p_lines - p_keep, 200));
    to_come integer := 0;
    gone integer;
BEGIN
    IF going > 0 THEN
        WITH later AS MATERIALIZED (
            SELECT c.ctid AS at_tid FROM @schema@.timer_completed c WHERE c.partition_id = p_part AND c.completed > p_now ORDER BY c.completed, c.id LIMIT going FOR UPDATE SKIP LOCKED
        )
        DELETE FROM @schema@.timer_completed c WHERE c.ctid = ANY (ARRAY(SELECT l.at_tid FROM later l));
        GET DIAGNOSTICS to_come = ROW_COUNT;
        going := going - to_come;
    END IF;
    SELECT greatest(going, count(*)) INTO going FROM (
        SELECT 1 FROM @schema@.timer_completed c WHERE c.partition_id = p_part AND c.completed >= p_from AND c.completed < p_before ORDER BY c.completed, c.id LIMIT 200) o;
    IF going = 0 THEN RETURN to_come; END IF;
    WITH oldest AS MATERIALIZED (
        SELECT c.ctid AS at_tid, c.completed FROM @schema@.timer_completed c WHERE c.partition_id = p_part AND c.completed >= p_from ORDER BY c.completed, c.id LIMIT going
    ), locked AS MATERIALIZED (
        SELECT c.ctid AS at_tid FROM @schema@.timer_completed c
        WHERE c.ctid = ANY (ARRAY(SELECT o.at_tid FROM oldest o)) AND c.completed <= (SELECT max(o.completed) FROM oldest o) FOR UPDATE SKIP LOCKED
    )
    DELETE FROM @schema@.timer_completed c WHERE c.ctid = ANY (ARRAY(SELECT l.at_tid FROM locked l));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone + to_come;
END $$;

-- A node's request for events that are due. See ITimerStore.ClaimAsync.
CREATE FUNCTION @schema@.timer_claim(
    p_part integer, p_clock bigint, p_wait integer, p_node bytea, p_token bytea, p_max integer, p_capacity integer, p_held integer, p_lease bigint,
    p_retention bigint, p_keep bigint, p_oldest boolean, p_yields boolean, p_completed_retention bigint, p_completed_keep bigint, p_last integer,
    OUT ids bytea[], OUT payloads bytea[], OUT headers bytea[], OUT retries integer[], OUT max_retries integer[], OUT dues bigint[],
    OUT now_us bigint, OUT ask_us bigint, OUT dead_lettered integer, OUT pause bytea, OUT ended bytea[], OUT firsts bigint[], OUT offset_us bigint, OUT is_cut boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, true);
    now_ms bigint;
    raw_ms bigint;                             -- by the server's clock
    deadline bigint;
    taken_back integer := 0;
    expired bytea[];
    expired_at tid[];
    evicted_now integer;
    wanted integer;
    due_from bigint := part.due_from;
    lines integer := 0;
    first_due bigint;
    is_backlog boolean;
    me @schema@.timer_nodes;
    is_repeated boolean;
    rivals bigint;
    latest bigint;
    head bigint;
    at bigint;
    wake_at bigint;
    claimed integer;
    next_node bytea;
    yields boolean := false;
    others record;
BEGIN
    now_us := part.clock_last;
    now_ms := now_us / 1000;
    deadline := (now_us + p_lease + 999) / 1000;
    pause := part.pause;
    offset_us := part.clock_offset;
    raw_ms := (now_us - offset_us) / 1000;
    is_cut := false;

    -- Absolute times that were written down before the offset grew are dated anew, a bounded number. With an offset of zero there are none.
    IF offset_us > 0 THEN
        UPDATE @schema@.timer_events e SET due = e.raw_due + @schema@.timer_ahead(offset_us)
        WHERE e.ctid = ANY (ARRAY(
            SELECT b.ctid FROM @schema@.timer_events b
            WHERE b.partition_id = p_part AND b.state = 0 AND b.raw_due IS NOT NULL AND b.due - b.raw_due < @schema@.timer_ahead(offset_us)
            ORDER BY b.due - b.raw_due LIMIT 200 FOR UPDATE SKIP LOCKED));
    END IF;

    -- The counts that others have appended: of one minute, as a rule. They tell whether something is due earlier than was known.
    FOR others IN
        WITH gone AS (
            DELETE FROM @schema@.timer_counts c
            WHERE c.ctid = ANY (ARRAY(SELECT s.ctid FROM @schema@.timer_counts s WHERE s.partition_id = p_part LIMIT 1000))
            RETURNING c.*
        )
        SELECT s.minute, count(*) AS lines, min(s.earliest) AS earliest, sum(s.scheduled) AS scheduled, sum(s.in_flight) AS in_flight, sum(s.dead) AS dead, sum(s.evicted) AS evicted, coalesce(sum(s.completed), 0) AS completed,
            ARRAY[coalesce(sum(s.posted), 0), coalesce(sum(s.replaced), 0), coalesce(sum(s.cancelled), 0), 0, coalesce(sum(s.confirmed), 0), coalesce(sum(s.failed), 0), coalesce(sum(s.handed_back), 0), 0, coalesce(sum(s.dead_exhausted), 0), coalesce(sum(s.dead_expired), 0), coalesce(sum(s.dead_rejected), 0), coalesce(sum(s.dead_unreadable), 0), coalesce(sum(s.dead_damaged), 0)] AS counts
        FROM gone s GROUP BY s.minute ORDER BY s.minute
    LOOP
        lines := lines + others.lines;
        due_from := least(due_from, others.earliest);
        part.scheduled := part.scheduled + others.scheduled;
        part.in_flight := part.in_flight + others.in_flight;
        part.dead := part.dead + others.dead;
        part.evicted := part.evicted + others.evicted;
        part.completed := part.completed + others.completed;
        IF others.minute IS NOT NULL THEN part := @schema@.timer_tally(part, others.minute, others.counts); END IF;
    END LOOP;
    IF lines >= 1000 THEN due_from := 0; END IF; -- there may be more, which say something else

    -- A node whose lease ran out spent an attempt. The event is due since then, or dead-lettered. An occurrence that has not begun is handed back: that is
    -- seen by a statement of its own, after the rows are locked, as a step that has begun it may just have been committed.
    dead_lettered := 0;
    SELECT array_agg(x.id), array_agg(x.at_tid) INTO expired, expired_at FROM (
        SELECT e.id, e.ctid AS at_tid FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 1 AND e.until >= part.leases_from AND e.until <= now_ms
        ORDER BY e.until LIMIT 200 FOR UPDATE SKIP LOCKED) x;
    IF expired IS NOT NULL THEN
        WITH given AS MATERIALIZED (
            SELECT x.at_tid, @schema@.timer_not_begun(p_part, x.id) AS is_free FROM unnest(expired, expired_at) AS x (id, at_tid)
        ), back AS (
            UPDATE @schema@.timer_events e SET
                state = CASE WHEN g.is_free OR e.retries < e.max_retries THEN 0 ELSE 2 END,
                reason = CASE WHEN g.is_free OR e.retries < e.max_retries THEN NULL ELSE 1 END,
                retries = CASE WHEN NOT g.is_free AND e.retries < e.max_retries THEN e.retries + 1 ELSE e.retries END,
                due = CASE WHEN NOT g.is_free AND e.retries < e.max_retries THEN e.until ELSE @schema@.timer_due_now(e.due, e.raw_due, offset_us) END,
                raw_due = CASE WHEN g.is_free THEN e.raw_due END,
                until = CASE WHEN g.is_free OR e.retries < e.max_retries THEN NULL ELSE now_ms END,
                token = NULL, node = NULL,
                failures = CASE WHEN g.is_free THEN e.failures
                    ELSE @schema@.timer_failures(e.failures, @schema@.timer_failure(e.retries + 1, now_ms, e.node, 'lease expired')) END
            FROM given g WHERE e.ctid = g.at_tid RETURNING e.id, e.state, e.due
        )
        SELECT count(*), count(*) FILTER (WHERE b.state = 2), array_agg(b.id) FILTER (WHERE b.state = 2 AND position('\x1f'::bytea IN b.id) > 0),
            least(due_from, min(b.due) FILTER (WHERE b.state = 0))
        INTO taken_back, dead_lettered, ended, due_from FROM back b;
    END IF;
    part.in_flight := part.in_flight - taken_back;
    part.scheduled := part.scheduled + taken_back - dead_lettered;
    part.dead := part.dead + dead_lettered;
    IF part.dead > 0 AND (dead_lettered > 0 OR p_max > 0) THEN -- time passes, too; but who only looks evicts nothing
        evicted_now := @schema@.timer_evict(
            part, part.dead + (SELECT coalesce(sum(c.dead), 0) FROM @schema@.timer_counts c WHERE c.partition_id = part.id), p_retention, p_keep);
        part.dead := part.dead - evicted_now;
        part.evicted := part.evicted + evicted_now;
    END IF;
    IF now_us - part.swept >= 60000000 THEN
        DELETE FROM @schema@.timer_nodes n WHERE n.partition_id = p_part AND n.last_seen < now_us - 3600000000 AND n.node <> p_node;
        part.swept := now_us;
        -- They are found anew below, should anybody have changed rows by hand.
        due_from := 0;
        part.leases_from := 0;
        part.completed_from := 0;
    END IF;
    IF p_completed_retention > 0 AND part.completed > 0 AND p_max > 0 THEN
        IF part.completed_offset <> offset_us THEN part.completed_from := 0; END IF;
        part.completed_offset := offset_us;
        part.completed := part.completed
            - @schema@.timer_trim_completed(p_part, part.completed_from, part.completed, raw_ms - p_completed_retention, p_completed_keep, raw_ms);
        -- Lines of a time that is yet to come are from before the clock was put back: others will be older.
        part.completed_from := least(raw_ms, coalesce(
            (SELECT c.completed FROM @schema@.timer_completed c WHERE c.partition_id = p_part AND c.completed >= part.completed_from ORDER BY c.completed, c.id LIMIT 1),
            part.completed_from));
    END IF;
    SELECT * INTO me FROM @schema@.timer_nodes n WHERE n.partition_id = p_part AND n.node = p_node;
    is_repeated := coalesce(me.claim_token = p_token, false);

    IF is_repeated THEN
        -- The reply was lost: the same events once more, in the same order, as far as they still belong to it.
        WITH mine AS MATERIALIZED (
            SELECT e.ctid AS at_tid FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 1 AND e.token = p_token
            ORDER BY e.due, e.id LIMIT 200 FOR UPDATE SKIP LOCKED
        ), renewed AS (
            UPDATE @schema@.timer_events e SET until = greatest(e.until, deadline) WHERE e.ctid = ANY (ARRAY(SELECT m.at_tid FROM mine m))
            RETURNING e.id, e.payload, e.headers, e.retries, e.max_retries, @schema@.timer_due_now(e.due, e.raw_due, offset_us) AS due, e.due AS was_due, e.first_claimed
        )
        SELECT array_agg(r.id), array_agg(r.payload), array_agg(r.headers), array_agg(r.retries), array_agg(r.max_retries), array_agg(r.due), array_agg(r.first_claimed)
        INTO ids, payloads, headers, retries, max_retries, dues, firsts FROM (SELECT * FROM renewed o ORDER BY o.was_due, o.id) r;
    ELSE
        wanted := CASE WHEN pause IS NULL THEN greatest(0, least(p_max, p_capacity, 200 - taken_back)) ELSE 0 END;
        IF wanted > 0 THEN
            SELECT e.due INTO first_due FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 0 AND e.due >= due_from ORDER BY e.due, e.id LIMIT 1;
        END IF;
        IF first_due <= now_ms THEN
            -- In a backlog the oldest and the newest in turn: each row has a place counted from either end, and the nearer one counts.
            is_backlog := first_due < now_ms - 100;
            -- Of what is to be dated anew more than above may be among them: that is not taken. It ends before the first that is one too many of those with no retry left.
            WITH old AS MATERIALIZED (
                SELECT e.ctid AS at_tid, e.id, e.due, @schema@.timer_due_now(e.due, e.raw_due, offset_us) <= now_ms AS is_due, octet_length(e.payload) AS size, e.retries >= e.max_retries AS is_last
                FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 0 AND e.due >= first_due AND e.due <= now_ms
                ORDER BY e.due, e.id LIMIT CASE WHEN is_backlog THEN (wanted + 2) / 2 ELSE wanted END FOR UPDATE SKIP LOCKED
            ), fresh AS MATERIALIZED (
                SELECT e.ctid AS at_tid, e.id, e.due, @schema@.timer_due_now(e.due, e.raw_due, offset_us) <= now_ms AS is_due, octet_length(e.payload) AS size, e.retries >= e.max_retries AS is_last
                FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 0 AND e.due >= first_due AND e.due <= now_ms AND is_backlog
                ORDER BY e.due DESC, e.id DESC LIMIT (wanted + 2) / 2 FOR UPDATE SKIP LOCKED
            ), placed AS (
                SELECT u.at_tid, u.size, u.is_last, min(u.place) AS place FROM (
                    SELECT o.at_tid, o.size, o.is_last, 2 * row_number() OVER (ORDER BY o.due, o.id) - CASE WHEN p_oldest THEN 1 ELSE 0 END AS place FROM old o WHERE o.is_due
                    UNION ALL
                    SELECT f.at_tid, f.size, f.is_last, 2 * row_number() OVER (ORDER BY f.due DESC, f.id DESC) - CASE WHEN p_oldest THEN 0 ELSE 1 END FROM fresh f WHERE f.is_due
                ) u GROUP BY u.at_tid, u.size, u.is_last
            ), chosen AS MATERIALIZED (
                SELECT s.at_tid, s.lasts > p_last AS is_beyond FROM (
                    SELECT p.at_tid, row_number() OVER (ORDER BY p.place) AS n, sum(p.size) OVER (ORDER BY p.place) AS bytes,
                        count(*) FILTER (WHERE p.is_last) OVER (ORDER BY p.place) AS lasts
                    FROM placed p
                ) s WHERE s.n <= wanted AND (s.n = 1 OR s.bytes <= 1048576)
            ), taken AS (
                UPDATE @schema@.timer_events e SET state = 1, due = @schema@.timer_due_now(e.due, e.raw_due, offset_us), until = deadline, token = p_token, node = p_node, claimed = now_ms,
                    first_claimed = CASE WHEN position('\x1f'::bytea IN e.id) > 0 THEN coalesce(e.first_claimed, now_us) END
                WHERE e.ctid = ANY (ARRAY(SELECT c.at_tid FROM chosen c WHERE NOT c.is_beyond))
                RETURNING e.id, e.payload, e.headers, e.retries, e.max_retries, e.due, e.first_claimed
            )
            SELECT array_agg(t.id), array_agg(t.payload), array_agg(t.headers), array_agg(t.retries), array_agg(t.max_retries), array_agg(t.due), array_agg(t.first_claimed),
                (SELECT coalesce(bool_or(c.is_beyond), false) FROM chosen c)
            INTO ids, payloads, headers, retries, max_retries, dues, firsts, is_cut FROM (SELECT * FROM taken o ORDER BY o.due, o.id) t;
            part.scheduled := part.scheduled - coalesce(cardinality(ids), 0);
            part.in_flight := part.in_flight + coalesce(cardinality(ids), 0);
            IF ids IS NOT NULL THEN part.leases_from := least(part.leases_from, deadline); END IF;
        END IF;
    END IF;

    claimed := CASE WHEN is_repeated THEN 0 ELSE coalesce(cardinality(ids), 0) END;
    IF claimed > 0 OR taken_back > 0 THEN
        part := @schema@.timer_tally(part, now_us / 60000000, ARRAY[0, 0, 0, claimed, 0, 0, 0, taken_back, 0, dead_lettered, 0, 0, 0]::bigint[]);
    END IF;

    -- What is the next that may be taken: nothing in a pause. What others hold locked may not: it is asked for again after 50 ms, and then ever more seldom.
    -- No search goes through what earlier claims have taken, and vacuum has not removed yet, more often than it must: what comes before an event that was found
    -- to be the first is committed later, and a line of the counts tells the next claim of it.
    IF pause IS NULL THEN
        IF first_due IS NULL OR claimed > 0 THEN
            SELECT e.due INTO first_due FROM @schema@.timer_events e
            WHERE e.partition_id = p_part AND e.state = 0 AND e.due >= coalesce(first_due, due_from) ORDER BY e.due, e.id LIMIT 1;
        END IF;
        SELECT e.until INTO part.leases_from FROM @schema@.timer_events e
        WHERE e.partition_id = p_part AND e.state = 1 AND e.until >= part.leases_from ORDER BY e.until LIMIT 1;
        head := least(first_due, part.leases_from);
        part.leases_from := coalesce(part.leases_from, 9223372036854775807);
        due_from := coalesce(first_due, 9223372036854775807);
    END IF;
    part.due_from := CASE WHEN lines >= 1000 THEN 0 ELSE due_from END;
    IF head <= now_ms THEN
        PERFORM 1 FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 0 AND e.due >= head AND e.due <= now_ms ORDER BY e.due, e.id LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            PERFORM 1 FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 1 AND e.until >= head AND e.until <= now_ms ORDER BY e.until LIMIT 1 FOR UPDATE SKIP LOCKED;
        END IF;
        IF FOUND THEN
            part.stalled := 0;
        ELSE
            head := least(
                now_ms + least(1000, 50 << part.stalled),
                (SELECT e.due FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 0 AND e.due > now_ms ORDER BY e.due, e.id LIMIT 1),
                (SELECT e.until FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 1 AND e.until > now_ms ORDER BY e.until LIMIT 1));
            part.stalled := least(part.stalled + 1, 5);
        END IF;
    ELSE
        part.stalled := 0;
    END IF;

    -- What the node is to do next.
    part := @schema@.timer_retire(part);
    SELECT * INTO me FROM @schema@.timer_nodes n WHERE n.partition_id = p_part AND n.node = p_node;
    IF me.node IS NULL THEN me := (p_part, p_node, 0, 0, false, 0, 0, NULL); END IF;
    me.last_seen := now_us;
    claimed := coalesce(cardinality(ids), 0);
    me.held := p_held + claimed;
    me.claim_token := p_token;
    me.is_full := is_cut OR p_capacity - coalesce(cardinality(ids), 0) <= 0;
    IF me.poll_slot <= now_ms THEN
        SELECT count(*), max(n.poll_slot) INTO rivals, latest FROM @schema@.timer_nodes n WHERE n.partition_id = p_part AND n.poll_slot > 0 AND n.node <> p_node;
        me.poll_slot := least(greatest(now_ms, coalesce(latest, 0)) + 1000, now_ms + (rivals + 1) * 1000);
    END IF;
    IF me.is_full THEN
        me.place := 0;
    ELSIF me.place = 0 OR claimed > 0 THEN -- whoever has claimed something goes to the end
        SELECT coalesce(max(n.place), 0) + 1 INTO me.place FROM @schema@.timer_nodes n WHERE n.partition_id = p_part;
    END IF;
    INSERT INTO @schema@.timer_nodes SELECT me.*
        ON CONFLICT (partition_id, node) DO UPDATE SET last_seen = excluded.last_seen, held = excluded.held, is_full = excluded.is_full,
            poll_slot = excluded.poll_slot, place = excluded.place, claim_token = excluded.claim_token;

    at := greatest(head, now_ms);
    wake_at := me.poll_slot;
    IF me.is_full THEN
        part := @schema@.timer_resign(part, p_node, head);
    ELSIF head IS NULL THEN
        part.primary_node := NULL;
        part.backup_node := NULL;
    ELSE
        -- More is due than the node took: two others are notified, if an event occupies it for long and those who were notified the last time have
        -- come. It waits for them, unless so much is due that everybody has enough to do.
        IF head <= now_ms AND p_yields AND (part.primary_node IS NULL OR part.primary_node = p_node OR part.primary_at >= now_ms - 25) THEN
            next_node := @schema@.timer_notify_next(part, p_node, now_ms, 0, NULL, false, true);
            IF next_node IS NOT NULL THEN
                part.primary_node := next_node;
                part.primary_at := now_ms;
                part.primary_since := now_ms;
                part.backup_node := @schema@.timer_notify_next(part, p_node, now_ms, 0, next_node, false, true);
                part.backup_at := now_ms;
                SELECT count(*) INTO rivals FROM @schema@.timer_nodes n WHERE n.partition_id = p_part AND n.place > 0 AND n.node <> p_node;
                rivals := least(rivals * greatest(1, claimed) * 8, 1000);
                SELECT count(*) <= rivals INTO yields FROM (
                    SELECT 1 FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.state = 0 AND e.due >= head AND e.due <= now_ms ORDER BY e.due, e.id LIMIT rivals + 1) d;
            END IF;
        END IF;
    END IF;

    IF yields OR me.is_full OR head IS NULL THEN
        NULL;
    ELSIF part.primary_node IS DISTINCT FROM p_node AND @schema@.timer_covers(part, at) THEN
        IF @schema@.timer_needs_backup(part, p_node, at) THEN
            part.backup_node := p_node;
            part.backup_at := at + 50 + floor(random() * 150)::bigint;
            wake_at := part.backup_at;
        END IF;
    ELSE
        -- A primary waker that claims something after a turn of 32 ms passes its role on. A head that is nearer than 2 ms would be late if another had
        -- to hear of it first: then only after eight turns.
        next_node := NULL;
        IF head > now_ms AND claimed > 0 AND part.primary_node = p_node
            AND now_ms - part.primary_since >= (CASE WHEN head - now_ms < 2 THEN 256 ELSE 32 END)
        THEN
            next_node := @schema@.timer_notify_next(part, p_node, at, 0);
        END IF;
        IF next_node IS NOT NULL THEN
            part.primary_node := next_node;
            part.primary_at := at;
            part.primary_since := now_ms;
            part.backup_node := p_node;
            part.backup_at := at + 50 + floor(random() * 150)::bigint;
            wake_at := part.backup_at;
        ELSE
            IF part.primary_node IS DISTINCT FROM p_node THEN
                PERFORM @schema@.timer_drop_late_primary(part);
                part.primary_since := now_ms;
            END IF;
            part.primary_node := p_node;
            part.primary_at := at;
            IF @schema@.timer_needs_backup(part, p_node, at) THEN part := @schema@.timer_appoint_backup(part, at); END IF;
            wake_at := at;
        END IF;
    END IF;
    ask_us := CASE WHEN yields THEN 30000 WHEN NOT me.is_full AND head <= now_ms THEN 0 ELSE greatest(0, least(wake_at, me.poll_slot) * 1000 - now_us) END;
    PERFORM @schema@.timer_save(part);
END $$;

-- Takes a node off the list.
CREATE FUNCTION @schema@.timer_leave(p_part integer, p_clock bigint, p_wait integer, p_node bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, true);
BEGIN
    DELETE FROM @schema@.timer_nodes n WHERE n.partition_id = p_part AND n.node = p_node;
    IF FOUND THEN part := @schema@.timer_resign(part, p_node, CASE WHEN part.pause IS NULL THEN @schema@.timer_head(p_part) END); END IF;
    PERFORM @schema@.timer_save(part);
END $$;

-- Pauses a partition. Claims lock its row, too: none takes anything once this is committed. p_since in ms: null for now, unless it is paused already.
CREATE FUNCTION @schema@.timer_pause(p_part integer, p_clock bigint, p_wait integer, p_since bigint, p_rest bytea, OUT in_force bytea) LANGUAGE plpgsql AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, true);
BEGIN
    in_force := part.pause;
    IF in_force IS NOT NULL AND p_since IS NULL THEN RETURN; END IF;
    in_force := convert_to(coalesce(p_since, (part.clock_last - part.clock_offset) / 1000) || ' ', 'UTF8') || p_rest;
    part.primary_node := NULL;
    part.backup_node := NULL;
    PERFORM @schema@.timer_save(part);
    UPDATE @schema@.timer_partitions p SET pause = in_force WHERE p.id = p_part;
    PERFORM pg_notify('@channel@', 'h ' || part.number || ' ' || encode(part.namespace, 'hex'));
END $$;

-- Ends a pause, and wakes for what is due. Who is woken hears of it with the commit.
CREATE FUNCTION @schema@.timer_resume(p_part integer, p_clock bigint, p_wait integer, OUT ended bytea) LANGUAGE plpgsql AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, true);
    head bigint := @schema@.timer_head(p_part);
BEGIN
    ended := part.pause;
    IF ended IS NULL THEN RETURN; END IF;
    UPDATE @schema@.timer_partitions p SET pause = NULL WHERE p.id = p_part;
    IF head IS NOT NULL THEN part := @schema@.timer_appoint(@schema@.timer_retire(part), greatest(head, part.clock_last / 1000)); END IF;
    PERFORM @schema@.timer_save(part);
END $$;

-- Locks the rows of deliveries, in order of their ids, and answers which of them their holders still have: outcomes, and where the rows of those with outcome 0 are.
-- What is given again has the outcome p_again. As a rule all are held, which sorting shows; telling them apart compares each with each.
CREATE FUNCTION @schema@.timer_held(p_part integer, p_ids bytea[], p_tokens bytea[], p_again integer, OUT outcomes integer[], OUT held tid[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    given bytea[];
    given_tokens bytea[];
    present bytea[];
    tokens bytea[];
    states smallint[];
BEGIN
    SELECT array_agg(x.id), array_agg(x.token), array_agg(x.state), array_agg(x.at_tid) INTO present, tokens, states, held FROM @schema@.timer_locked(p_part, p_ids) x;
    SELECT array_agg(s.id), array_agg(s.token) INTO given, given_tokens FROM (SELECT g.id, g.token FROM unnest(p_ids, p_tokens) AS g (id, token) ORDER BY g.id) s;
    IF present = given AND tokens = given_tokens AND 1 = ALL (states) THEN
        outcomes := array_fill(0, ARRAY[cardinality(p_ids)]);
        RETURN;
    END IF;
    WITH judged AS (
        SELECT g.n, x.at_tid, x.id IS NULL AS is_gone, min(g.n) FILTER (WHERE x.state = 1 AND x.token = g.token) OVER (PARTITION BY g.id) AS first
        FROM unnest(p_ids, p_tokens) WITH ORDINALITY AS g (id, token, n) LEFT JOIN unnest(present, tokens, states, held) AS x (id, token, state, at_tid) ON x.id = g.id
    )
    SELECT array_agg(CASE WHEN j.n = j.first THEN 0 WHEN j.is_gone THEN 1 WHEN j.n > j.first THEN p_again ELSE 3 END ORDER BY j.n), array_agg(j.at_tid) FILTER (WHERE j.n = j.first)
    INTO outcomes, held FROM judged j;
END $$;

-- Ends deliveries for good. Outcomes here and below: 0 done, 1 not found, 2 in flight, 3 stale, 4 dead-lettered. With a retention (in ms) their lines of the history are
-- written; what is too much of it goes only where p_trim says so: in a transaction of the application no line of another id is locked.
CREATE FUNCTION @schema@.timer_confirm(
    p_part integer, p_clock bigint, p_wait integer, p_ids bytea[], p_tokens bytea[], p_retention bigint, p_keep bigint, p_outcome integer, p_trim boolean, OUT outcomes integer[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, false);
    raw_ms bigint := (part.clock_last - part.clock_offset) / 1000; -- by the server's clock
    held tid[];
    gone integer;
    added integer;
BEGIN
    SELECT h.outcomes, h.held INTO outcomes, held FROM @schema@.timer_held(p_part, p_ids, p_tokens, 1) h;
    WITH deleted AS (
        DELETE FROM @schema@.timer_events e WHERE e.ctid = ANY (held)
        RETURNING e.id, e.retries, e.max_retries, e.due, e.raw_due, e.claimed, e.node
    ), kept AS (
        INSERT INTO @schema@.timer_completed AS c
        SELECT
            p_part, p_outcome, d.retries, d.max_retries, @schema@.timer_due_now(d.due, d.raw_due, part.clock_offset) - @schema@.timer_ahead(part.clock_offset),
            coalesce(d.claimed, d.due) - @schema@.timer_ahead(part.clock_offset), raw_ms, d.id, d.node
        FROM deleted d WHERE p_retention > 0 ORDER BY d.id
        ON CONFLICT (partition_id, id) DO UPDATE SET
            outcome = excluded.outcome, retries = excluded.retries, max_retries = excluded.max_retries, due = excluded.due, claimed = excluded.claimed,
            completed = excluded.completed, node = excluded.node
        RETURNING c.xmax = 0 AS is_new
    )
    SELECT count(*), (SELECT count(*) FILTER (WHERE k.is_new) FROM kept k) INTO gone, added FROM deleted d;
    IF p_trim AND p_retention > 0 AND gone > 0 THEN
        -- One snapshot of both: a claim may have added the counts up meanwhile. It comes last, so that nobody waits for who has locked lines here.
        SELECT added - @schema@.timer_trim_completed(
            p_part, CASE WHEN p.completed_offset = part.clock_offset THEN p.completed_from ELSE 0 END, p.completed + added + coalesce((SELECT sum(c.completed) FROM @schema@.timer_counts c WHERE c.partition_id = p_part AND c.completed IS NOT NULL), 0),
            raw_ms - p_retention, p_keep, raw_ms)
        INTO added FROM @schema@.timer_partitions p WHERE p.id = p_part;
    END IF;
    PERFORM @schema@.timer_count(p_part, 0, -gone, 0, 0, part.clock_last, p_confirmed => gone, p_completed => nullif(added, 0));
END $$;

-- Makes leases longer, never shorter. A row that somebody has locked is tried for a moment: renewals wait for nobody. If it is locked still, and as
-- far as is committed the delivery is its holder's, nobody knows yet what becomes of it (2).
CREATE FUNCTION @schema@.timer_extend(p_part integer, p_clock bigint, p_wait integer, p_ids bytea[], p_tokens bytea[], p_lease bigint, OUT outcomes integer[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, false);
    deadline bigint := (part.clock_last + p_lease + 999) / 1000;
    free bytea[];
    free_at tid[];
    present bytea[];
    held bytea[];
    given bytea[];
    tokens bytea[];
BEGIN
    FOR tries IN 1..5 LOOP
        SELECT array_agg(f.id), array_agg(f.ctid) INTO free, free_at FROM (SELECT DISTINCT g.id FROM unnest(p_ids) AS g (id) ORDER BY g.id) s CROSS JOIN LATERAL (
            SELECT e.id, e.ctid FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = s.id FOR NO KEY UPDATE SKIP LOCKED) f;
        SELECT array_agg(x.id), array_agg(x.token) INTO present, held FROM (SELECT DISTINCT g.id FROM unnest(p_ids) AS g (id) ORDER BY g.id) s CROSS JOIN LATERAL (
            SELECT e.id, e.token FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = s.id OFFSET 0) x; -- each a search of its own: see timer_locked
        EXIT WHEN tries = 5 OR coalesce(cardinality(free), 0) >= coalesce(cardinality(present), 0);
        PERFORM pg_sleep(0.01);
    END LOOP;

    -- As a rule all are free, and still their holder's.
    SELECT array_agg(s.id), array_agg(s.token) INTO given, tokens FROM (SELECT g.id, g.token FROM unnest(p_ids, p_tokens) AS g (id, token) ORDER BY g.id) s;
    IF free = given AND present = given AND held = tokens THEN
        UPDATE @schema@.timer_events e SET until = greatest(e.until, deadline) WHERE e.ctid = ANY (free_at);
        outcomes := array_fill(0, ARRAY[cardinality(p_ids)]);
        RETURN;
    END IF;
    WITH given AS MATERIALIZED (
        SELECT g.n, g.id, g.token FROM unnest(p_ids, p_tokens) WITH ORDINALITY AS g (id, token, n)
    ), extended AS (
        UPDATE @schema@.timer_events e SET until = greatest(e.until, deadline) FROM unnest(free, free_at) AS f (id, at_tid), (SELECT DISTINCT g.id, g.token FROM given g) d
        WHERE e.ctid = f.at_tid AND d.id = f.id AND e.state + 0 = 1 AND e.token = d.token RETURNING e.id, d.token
    )
    SELECT array_agg(
        CASE
            WHEN x.id IS NOT NULL THEN 0
            WHEN g.id = ANY (present) AND NOT g.id = ANY (coalesce(free, '{}')) AND g.token = held[array_position(present, g.id)] THEN 2
            WHEN g.id = ANY (present) THEN 3
            ELSE 1
        END ORDER BY g.n)
    INTO outcomes FROM given g LEFT JOIN extended x ON x.id = g.id AND x.token = g.token;
END $$;

-- Hands deliveries back.
CREATE FUNCTION @schema@.timer_release(p_part integer, p_clock bigint, p_wait integer, p_ids bytea[], p_tokens bytea[], OUT outcomes integer[], OUT earliest bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, false);
    held tid[];
    back integer;
BEGIN
    SELECT h.outcomes, h.held INTO outcomes, held FROM @schema@.timer_held(p_part, p_ids, p_tokens, 3) h;
    WITH released AS (
        UPDATE @schema@.timer_events e SET state = 0, due = @schema@.timer_due_now(e.due, e.raw_due, part.clock_offset), until = NULL, token = NULL, node = NULL
        WHERE e.ctid = ANY (held) RETURNING e.due
    )
    SELECT count(*), min(r.due) INTO back, earliest FROM released r;
    PERFORM @schema@.timer_count(p_part, back, -back, 0, 0, part.clock_last, p_handed_back => back, p_earliest => earliest);
END $$;

-- Ends deliveries that failed. p_retry is in µs, null for never. The first nine times that a handler is interrupted hand the event back: it is
-- scheduled at its former due time, and nothing but their number is kept.
CREATE FUNCTION @schema@.timer_fail(
    p_part integer, p_clock bigint, p_wait integer, p_ids bytea[], p_tokens bytea[], p_nodes bytea[], p_errors bytea[], p_retry bigint[], p_reasons integer[],
    p_interrupted boolean[], p_retention bigint, p_keep bigint, OUT outcomes integer[], OUT earliest bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, false);
    now_ms bigint := part.clock_last / 1000;
    due_ms bigint;
    old record;
    retried integer := 0;
    died integer := 0;
    handed_back integer := 0;
    reasons integer[] := '{0,0,0,0,0}';
    evicted_now integer := 0;
    dead_now bigint;
BEGIN
    PERFORM @schema@.timer_locked(p_part, p_ids);
    FOR i IN 1..cardinality(p_ids) LOOP
        SELECT e.state, e.token, e.retries, e.max_retries, @schema@.timer_due_now(e.due, e.raw_due, part.clock_offset) AS due, e.interruptions INTO old FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_ids[i];
        IF NOT FOUND THEN
            outcomes[i] := 1;
        ELSIF old.state <> 1 OR old.token <> p_tokens[i] THEN
            outcomes[i] := 3;
        ELSIF p_interrupted[i] AND old.interruptions < 9 THEN
            UPDATE @schema@.timer_events e SET state = 0, due = old.due, interruptions = e.interruptions + 1, until = NULL, token = NULL, node = NULL
            WHERE e.partition_id = p_part AND e.id = p_ids[i];
            outcomes[i] := 0;
            retried := retried + 1;
            handed_back := handed_back + 1;
            earliest := least(earliest, old.due);
        ELSIF p_retry[i] IS NULL OR old.retries >= old.max_retries THEN
            UPDATE @schema@.timer_events e SET state = 2, reason = p_reasons[i], due = old.due, raw_due = NULL, until = now_ms, token = NULL, node = NULL,
                interruptions = e.interruptions + CASE WHEN p_interrupted[i] THEN 1 ELSE 0 END,
                failures = @schema@.timer_failures(e.failures, @schema@.timer_failure(e.retries + 1, now_ms, p_nodes[i], p_errors[i]))
            WHERE e.partition_id = p_part AND e.id = p_ids[i];
            outcomes[i] := 4;
            died := died + 1;
            reasons[p_reasons[i] + 1] := reasons[p_reasons[i] + 1] + 1;
        ELSE
            due_ms := (part.clock_last + p_retry[i] + 999) / 1000;
            UPDATE @schema@.timer_events e SET state = 0, due = due_ms, raw_due = NULL, retries = e.retries + 1, until = NULL, token = NULL, node = NULL,
                interruptions = e.interruptions + CASE WHEN p_interrupted[i] THEN 1 ELSE 0 END,
                failures = @schema@.timer_failures(e.failures, @schema@.timer_failure(e.retries + 1, now_ms, p_nodes[i], p_errors[i]))
            WHERE e.partition_id = p_part AND e.id = p_ids[i];
            outcomes[i] := 0;
            retried := retried + 1;
            earliest := least(earliest, due_ms);
        END IF;
    END LOOP;
    PERFORM @schema@.timer_count(
        p_part, retried, -retried - died, died, 0, part.clock_last, p_failed => retried + died - handed_back, p_handed_back => handed_back,
        p_dead_exhausted => reasons[1], p_dead_expired => reasons[2], p_dead_rejected => reasons[3], p_dead_unreadable => reasons[4], p_dead_damaged => reasons[5], p_earliest => earliest);
    IF died > 0 THEN
        -- One snapshot of both: a claim may have added the counts up meanwhile.
        SELECT p.dead + coalesce((SELECT sum(c.dead) FROM @schema@.timer_counts c WHERE c.partition_id = p_part), 0) INTO dead_now
        FROM @schema@.timer_partitions p WHERE p.id = p_part;
        evicted_now := @schema@.timer_evict(part, dead_now, p_retention, p_keep);
        PERFORM @schema@.timer_count(p_part, 0, 0, -evicted_now, evicted_now);
    END IF;
END $$;

-- Removes an event; one in flight only if that is asked for.
CREATE FUNCTION @schema@.timer_cancel(p_part integer, p_clock bigint, p_wait integer, p_id bytea, p_revoke boolean, OUT outcome integer, OUT was_dead boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, false);
    old record;
BEGIN
    was_dead := false;
    LOOP
        -- First without a lock: one on what stays as it is would keep its node from extending and confirming it.
        SELECT e.state INTO old FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_id;
        outcome := CASE WHEN NOT FOUND THEN 1 WHEN old.state = 1 AND NOT p_revoke THEN 2 ELSE 0 END;
        IF outcome <> 0 THEN RETURN; END IF;
        SELECT e.state, e.token, e.node INTO old FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_id FOR UPDATE;
        EXIT WHEN FOUND; -- or it was removed by who had locked it, who may have posted it anew
    END LOOP;
    outcome := CASE WHEN old.state = 1 AND NOT p_revoke THEN 2 ELSE 0 END;
    IF outcome <> 0 THEN RETURN; END IF;
    was_dead := old.state = 2;
    DELETE FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_id;
    IF old.state = 1 THEN PERFORM @schema@.timer_revoke(part, old.node, p_id, old.token); END IF;
    PERFORM @schema@.timer_count(
        p_part, CASE WHEN old.state = 0 THEN -1 ELSE 0 END, CASE WHEN old.state = 1 THEN -1 ELSE 0 END, CASE WHEN old.state = 2 THEN -1 ELSE 0 END, 0,
        part.clock_last, p_cancelled => CASE WHEN was_dead THEN NULL ELSE 1 END);
END $$;

-- Gives a scheduled event another due time.
CREATE FUNCTION @schema@.timer_change_delay(p_part integer, p_clock bigint, p_wait integer, p_hint boolean, p_id bytea, p_due bigint, OUT outcome integer, OUT earliest bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, false);
    old smallint;
BEGIN
    LOOP
        SELECT e.state INTO old FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_id; -- first without a lock, as in timer_cancel
        outcome := CASE WHEN NOT FOUND THEN 1 WHEN old = 1 THEN 2 WHEN old = 2 THEN 4 ELSE 0 END;
        IF outcome <> 0 THEN RETURN; END IF;
        SELECT e.state INTO old FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_id FOR UPDATE;
        EXIT WHEN FOUND;
    END LOOP;
    outcome := CASE WHEN old = 1 THEN 2 WHEN old = 2 THEN 4 ELSE 0 END;
    IF outcome <> 0 THEN RETURN; END IF;
    earliest := @schema@.timer_due(p_due, part.clock_last, @schema@.timer_noted_offset(part));
    UPDATE @schema@.timer_events e SET due = earliest, raw_due = @schema@.timer_raw(p_due) WHERE e.partition_id = p_part AND e.id = p_id;
    PERFORM @schema@.timer_count(p_part, 0, 0, 0, 0, p_earliest => earliest);
    IF p_hint THEN PERFORM @schema@.timer_hint(part, earliest); END IF;
END $$;

-- Schedules dead letters again (p_due), or deletes them (p_due is null). Which ones: p_stamps, in ms as stored; else p_since, in ms as shown, by the server's clock; if both are
-- null whichever there is.
CREATE FUNCTION @schema@.timer_dead(
    p_part integer, p_clock bigint, p_wait integer, p_ids bytea[], p_since bigint[], p_stamps bigint[], p_due bigint, OUT outcomes integer[], OUT earliest bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    part @schema@.timer_partitions := @schema@.timer_enter(p_part, p_clock, p_wait, false);
    due_ms bigint := @schema@.timer_due(p_due, part.clock_last, @schema@.timer_noted_offset(part));
    old record;
    done integer := 0;
BEGIN
    PERFORM @schema@.timer_locked(p_part, p_ids);
    FOR i IN 1..cardinality(p_ids) LOOP
        SELECT e.state, e.until INTO old FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_ids[i];
        IF NOT FOUND OR old.state <> 2 OR old.until <> coalesce(p_stamps[i], p_since[i] + @schema@.timer_ahead(part.clock_offset)) THEN
            outcomes[i] := 1;
            CONTINUE;
        END IF;
        IF p_due IS NULL THEN
            DELETE FROM @schema@.timer_events e WHERE e.partition_id = p_part AND e.id = p_ids[i];
        ELSE
            UPDATE @schema@.timer_events e SET state = 0, reason = NULL, retries = 0, interruptions = 0, due = due_ms, raw_due = @schema@.timer_raw(p_due), until = NULL WHERE e.partition_id = p_part AND e.id = p_ids[i];
            earliest := due_ms;
        END IF;
        outcomes[i] := 0;
        done := done + 1;
    END LOOP;
    PERFORM @schema@.timer_count(p_part, CASE WHEN p_due IS NULL THEN 0 ELSE done END, 0, -done, 0, p_earliest => earliest);
END $$;

-- A namespace of locks.
CREATE TABLE @schema@.lock_namespaces (
    id           integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         bytea   NOT NULL UNIQUE,
    format       integer NOT NULL,
    seal         text,
    import       text
);

-- What the lockers of a namespace have done. Written once a second by each process, and never in a transaction of the application.
CREATE TABLE @schema@.lock_counts (
    namespace_id integer PRIMARY KEY,
    runs         bigint  NOT NULL,
    takeovers    bigint  NOT NULL,
    failures     bigint  NOT NULL
) WITH (fillfactor = 50);

-- A key: its lock and its last outcome, two independent parts. Times are µs. The program decides; whoever writes names the version that it read, and
-- nothing is written if that is not the present one.
CREATE TABLE @schema@.locks (
    namespace_id integer NOT NULL,
    name         bytea   NOT NULL,
    version      bigint  NOT NULL,
    is_awaited   boolean NOT NULL,             -- somebody is to be notified when the lock is freed
    generation   bigint  NOT NULL,             -- the highest fencing token ever given
    keep_until   bigint  NOT NULL,
    garbage_from bigint  NOT NULL,             -- from then on the row can be dropped
    published_generation bigint NOT NULL,
    published_nonce bytea NOT NULL,
    node         bytea,                        -- null: not locked
    nonce        bytea,
    started      bigint,
    lock_timeout bigint,
    taken_over   boolean,
    lease        bigint,
    deadline     bigint,
    outcome_generation bigint,                 -- null: no outcome
    outcome_kind integer,
    published_at bigint,
    fresh_for    bigint,
    hand_over_for bigint,
    usable_until bigint,                       -- from then on nobody can ask for the outcome, and its bytes are dropped
    outcome      bytea,
    PRIMARY KEY (namespace_id, name)
) WITH (fillfactor = 70);
ALTER TABLE @schema@.locks ALTER COLUMN outcome SET STORAGE EXTERNAL;
CREATE INDEX locks_held ON @schema@.locks (namespace_id, name) WHERE node IS NOT NULL;
CREATE INDEX locks_garbage ON @schema@.locks (garbage_from);
CREATE INDEX locks_outcomes ON @schema@.locks (usable_until) WHERE usable_until IS NOT NULL;

-- Finds a namespace of locks, or makes it.
CREATE FUNCTION @schema@.lock_open(p_name bytea, p_format integer, OUT space @schema@.lock_namespaces) LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        SELECT * INTO space FROM @schema@.lock_namespaces n WHERE n.name = p_name;
        EXIT WHEN FOUND;
        INSERT INTO @schema@.lock_namespaces (name, format) VALUES (p_name, p_format) ON CONFLICT DO NOTHING;
    END LOOP;
END $$;

-- Drops outcomes that nobody can ask for any more. Answers how many, and when the next is over.
CREATE FUNCTION @schema@.lock_sweep(p_clock bigint, p_limit integer, OUT dropped integer, OUT next_at bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    now_us bigint := @schema@.clock(p_clock);
BEGIN
    UPDATE @schema@.locks l SET outcome_generation = NULL, outcome_kind = NULL, published_at = NULL, fresh_for = NULL, hand_over_for = NULL,
        usable_until = NULL, outcome = NULL, version = l.version + 1
    WHERE l.ctid = ANY (ARRAY(
        SELECT o.ctid FROM @schema@.locks o WHERE o.usable_until <= now_us ORDER BY o.usable_until LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS dropped = ROW_COUNT;
    SELECT o.usable_until INTO next_at FROM @schema@.locks o WHERE o.usable_until IS NOT NULL ORDER BY o.usable_until LIMIT 1;
END $$;

-- Writes a key down, if it still has the version that was read (null: it is new) and the namespace the seal that was read; and notifies.
CREATE FUNCTION @schema@.lock_write(
    p_clock bigint, p_wait integer, p_namespace integer, p_seal text, p_name bytea, p_version bigint, p_awaited boolean, p_message text,
    p_generation bigint, p_keep_until bigint, p_garbage_from bigint, p_published_generation bigint, p_published_nonce bytea,
    p_node bytea, p_nonce bytea, p_started bigint, p_lock_timeout bigint, p_taken_over boolean, p_lease bigint, p_deadline bigint,
    p_outcome_generation bigint, p_outcome_kind integer, p_published_at bigint, p_fresh_for bigint, p_hand_over_for bigint, p_usable_until bigint,
    p_outcome bytea, p_keeps_outcome boolean)
RETURNS boolean LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    -- In a transaction of the application (without p_wait): as in timer_enter.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING ERRCODE = 'LW004', MESSAGE = current_setting('transaction_isolation');
    END IF;
    IF p_wait IS NOT NULL THEN PERFORM set_config('lock_timeout', p_wait::text, true); END IF;
    PERFORM pg_advisory_xact_lock_shared(@processes@ + 2, p_namespace); -- a move waits for it
    PERFORM 1 FROM @schema@.lock_namespaces n WHERE n.id = p_namespace AND n.seal IS NOT DISTINCT FROM p_seal;
    IF NOT FOUND THEN RETURN false; END IF;
    IF p_version IS NULL THEN
        INSERT INTO @schema@.locks VALUES (
            p_namespace, p_name, @schema@.clock(NULL), p_awaited, p_generation, p_keep_until, p_garbage_from, p_published_generation, p_published_nonce, p_node, p_nonce,
            p_started, p_lock_timeout, p_taken_over, p_lease, p_deadline, p_outcome_generation, p_outcome_kind, p_published_at, p_fresh_for,
            p_hand_over_for, p_usable_until, p_outcome) ON CONFLICT DO NOTHING;
    ELSE
        UPDATE @schema@.locks l SET
            version = l.version + 1, is_awaited = p_awaited, generation = p_generation, keep_until = p_keep_until, garbage_from = p_garbage_from,
            published_generation = p_published_generation, published_nonce = p_published_nonce, node = p_node, nonce = p_nonce, started = p_started,
            lock_timeout = p_lock_timeout, taken_over = p_taken_over, lease = p_lease, deadline = p_deadline,
            outcome_generation = p_outcome_generation, outcome_kind = p_outcome_kind, published_at = p_published_at, fresh_for = p_fresh_for,
            hand_over_for = p_hand_over_for, usable_until = p_usable_until, outcome = CASE WHEN p_keeps_outcome THEN l.outcome ELSE p_outcome END
        WHERE l.namespace_id = p_namespace AND l.name = p_name AND l.version = p_version;
    END IF;
    IF NOT FOUND THEN RETURN false; END IF;
    IF p_message IS NOT NULL THEN PERFORM pg_notify('@channel@', p_message); END IF;

    -- Two of the records in which nothing has mattered for an hour: a clock that is set forward for a moment is not to cost a key its fencing token.
    -- Not the key at hand: whoever repeats a publication long after is told that it was accepted. And not in a transaction of the application, which
    -- would hold the rows of other keys until its end.
    IF p_wait IS NOT NULL THEN
        DELETE FROM @schema@.locks l WHERE l.ctid = ANY (ARRAY(
            SELECT o.ctid FROM @schema@.locks o
            WHERE o.garbage_from <= @schema@.clock(p_clock) - 3600000000 AND (o.namespace_id, o.name) IS DISTINCT FROM (p_namespace, p_name)
            ORDER BY o.garbage_from LIMIT 2 FOR UPDATE SKIP LOCKED));
    END IF;
    RETURN true;
END $$;
