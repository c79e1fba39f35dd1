-- Notes a namespace in the list of all. (A member that is there already is not written, so that a full server does not refuse it.)
-- KEYS: 1 the set of namespaces.
-- ARGV: 1 the namespace.
-- Returns 1 if it is new, else 0.
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 0 end
return redis.call('SADD', KEYS[1], ARGV[1])
