-- Takes the lock away. At its memory limit Redis refuses a command that takes memory only as long as the script has written nothing; so this
-- is the first write of every script but that which grants a lock, and what follows may take again what was freed here. (The flag allow-oom
-- would need Redis 7.)
-- Wants: record.
call('DEL', lock)
