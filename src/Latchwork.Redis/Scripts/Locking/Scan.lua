-- Looks for keys that are locked, or were until lately, piece by piece; a piece may be empty, and may repeat what an earlier one had.
-- KEYS: none. It reads names only; what they hold is read by `Show`, which declares its keys.
-- ARGV: 1 the cursor: 0, then the one returned; 2 the pattern of their names; 3 about how many keys to look at.
-- Returns {the next cursor (0 at the end), {name…}}.
return redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
