-- Of an event with an absolute due time: what was asked for, by the machine's clock, in ms; null: a delay or a backoff. In flight it is kept for whoever hands it back.
ALTER TABLE events ADD COLUMN raw_due INTEGER;
-- How far its due time is ahead of that: the partition's offset when it was written down (more, if the time had passed). Those that are behind the offset are dated anew by claims.
ALTER TABLE scheduled ADD COLUMN ahead INTEGER;
CREATE INDEX scheduled_absolute ON scheduled (namespace, ahead) WHERE ahead IS NOT NULL;

-- Programs that still have the file open would change a due time and leave what was asked for before, which would count: from now on they are refused.
UPDATE timer_namespaces SET format = 3 WHERE format = 2;
DROP TRIGGER timer_namespaces_format;
CREATE TRIGGER timer_namespaces_format BEFORE INSERT ON timer_namespaces WHEN NEW.format < 3
BEGIN
    SELECT RAISE(ABORT, 'The file is of a later version of Latchwork. Update this program.');
END;
