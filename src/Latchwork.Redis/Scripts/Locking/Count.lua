-- Reads what the lockers of a namespace have done, or adds to it.
-- KEYS: counts, seal (not in a cluster).
-- ARGV: nothing to read; to add 1 runs, 2 takeovers, 3 failures.
-- Returns {runs, takeovers, failures}.
local counts, seal = unpack(KEYS)
local names = { 'runs', 'takeovers', 'failures' }
if ARGV[1] then
  redis.call('HDEL', counts, '') -- what a full server does not refuse comes first
  for i, name in ipairs(names) do
    if ARGV[i] ~= '0' then redis.call('HINCRBY', counts, name, ARGV[i]) end
  end
else
  local sealed = seal and redis.call('GET', seal)
  if sealed then return redis.error_reply('LWSEALED ' .. sealed) end
end
local found = redis.call('HMGET', counts, unpack(names))
return { found[1] or '0', found[2] or '0', found[3] or '0' }
