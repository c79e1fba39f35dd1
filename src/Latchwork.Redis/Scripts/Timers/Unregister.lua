-- Takes a namespace off the list of all.
-- KEYS: 1 the set of namespaces.
-- ARGV: 1 the namespace.
-- Returns 1 if it was on it, else 0.
return redis.call('SREM', KEYS[1], ARGV[1])
