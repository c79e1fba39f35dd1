-- Reads what the lockers of a namespace have done, or adds to it.
-- KEYS: 1 the hash of counts, 2 the seal of the namespace (not in a cluster).
-- ARGV: nothing to read; to add 1 runs, 2 takeovers, 3 failures.
-- Returns {runs, takeovers, failures}.
local names = { 'runs', 'takeovers', 'failures' }
if ARGV[1] then
  redis.call('HDEL', KEYS[1], '') -- what a full server does not refuse comes first
  for i, name in ipairs(names) do
    if ARGV[i] ~= '0' then redis.call('HINCRBY', KEYS[1], name, ARGV[i]) end
  end
else
  local sealed = KEYS[2] and redis.call('GET', KEYS[2])
  if sealed then return redis.error_reply('LWSEALED ' .. sealed) end
end
local found = redis.call('HMGET', KEYS[1], unpack(names))
return { found[1] or '0', found[2] or '0', found[3] or '0' }
