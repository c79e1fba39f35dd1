-- Examines whether what is stored of a key expires by itself, as it must; if not it is given a day.
-- KEYS: lock, data, seal.
-- ARGV: 1 time, 2 format, 3 1 to mend.
-- Returns how many strings would stay for ever.
local lock, data, seal = unpack(KEYS)
local count = 0
if redis.call('PTTL', lock) == -1 then
  count = count + 1
  if ARGV[3] == '1' then redis.call('SET', lock, redis.call('GET', lock), 'PX', 86400000) end
end
if redis.call('PTTL', data) == -1 then
  count = count + 1
  if ARGV[3] == '1' then redis.call('SET', data, redis.call('GET', data), 'PX', 86400000) end
end
return count
