-- The bytes of an outcome apart from the record of its key, if they are more than 1 KiB: who acquires, renews or releases does not touch them.
-- In `locks` the column `outcome` is null then.
CREATE TABLE outcomes (
    key         INTEGER PRIMARY KEY,  -- the same as in `locks`
    usable_until INTEGER NOT NULL,    -- µs: from then on nobody can ask for it, and it is dropped
    data        BLOB    NOT NULL
) STRICT;
CREATE INDEX outcomes_by_time ON outcomes (usable_until);

INSERT INTO outcomes (key, usable_until, data)
    SELECT key, published_at + max(fresh_for, hand_over_for), outcome FROM locks WHERE length(outcome) > 1024;
UPDATE locks SET outcome = NULL WHERE length(outcome) > 1024;

-- Programs that still have the file open read the bytes where they were: from now on they are refused, also in namespaces that they would begin.
UPDATE lock_namespaces SET format = 2 WHERE format = 1;
CREATE TRIGGER lock_namespaces_format BEFORE INSERT ON lock_namespaces WHEN NEW.format < 2
BEGIN
    SELECT RAISE(ABORT, 'The file is of a later version of Latchwork. Update this program.');
END;
