-- Reads the namespaces, piece by piece; a piece may repeat what an earlier one had.
-- KEYS: 1 the hash of namespaces.
-- ARGV: 1 the cursor: 0, then the one returned.
-- Returns {the next cursor (0 at the end), {namespace, format…}}.
return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 200)
