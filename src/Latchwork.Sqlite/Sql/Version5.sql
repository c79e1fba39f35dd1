-- Who paused a namespace of timers, since when, and why (see PauseText); null: it is not paused.
ALTER TABLE timer_namespaces ADD COLUMN pause TEXT;

-- Programs that still have the file open know nothing of a pause and would deliver: from now on they are refused, also in namespaces that they would begin.
UPDATE timer_namespaces SET format = 2 WHERE format = 1;
CREATE TRIGGER timer_namespaces_format BEFORE INSERT ON timer_namespaces WHEN NEW.format < 2
BEGIN
    SELECT RAISE(ABORT, 'The file is of a later version of Latchwork. Update this program.');
END;
