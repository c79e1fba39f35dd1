-- Examines whether what is stored of a key expires by itself, as it must; if not it is given a day.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 1 to mend.
-- Returns how many strings would stay for ever.
local lock, last, data = KEYS[1], KEYS[2], KEYS[3]
local count = 0
for _, key in ipairs({ lock, last, data }) do
  if redis.call('PTTL', key) == -1 then
    count = count + 1
    if ARGV[1] == '1' then redis.call('SET', key, redis.call('GET', key), 'PX', 86400000) end
  end
end
return count
