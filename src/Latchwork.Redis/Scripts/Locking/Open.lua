-- Checks the format of a namespace, and records it when it has none. (One that is recorded is not written, so that a full server does not
-- refuse it.)
-- KEYS: 1 the hash of namespaces, 2 the seal of the namespace (not in a cluster).
-- ARGV: 1 the namespace, 2 format.
-- Returns 1 if the namespace is new, else 0.
local format = redis.call('HGET', KEYS[1], ARGV[1])
if format and format ~= ARGV[2] then return redis.error_reply('LWLAYOUT format=' .. format) end
local sealed = KEYS[2] and redis.call('GET', KEYS[2])
if sealed then return redis.error_reply('LWSEALED ' .. sealed) end
return format and 0 or redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
