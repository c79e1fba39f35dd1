-- Adds counters that a namespace had elsewhere: as CounterRing.Add. Their minutes and hours are those of the server's clock, as they are shown.
-- Wants: counters. ARGV from `first` on: the totals ('base'); then 'm' or 'h', and a minute or an hour, in turn.
-- Gives: addCounts(time in ms, first).
local function addCounts(at, first)
  local minute = math.floor(at / 60000)
  local found = call('HMGET', counters, 'now', 'base')
  local v, base, fields = unpackCounts(NOW, 108, found[1], minute), unpackCounts(BASE, 104, found[2]), {}
  if v[1] < minute then
    begin(v, minute, base, fields)
    call('HSET', counters, unpack(fields))
  end
  local shift = math.floor((tonumber(state[4]) or 0) / 60000000 + 0.5)
  local total = { struct.unpack(BASE, ARGV[first]) }
  for i = 1, 13 do base[i] = base[i] + total[i] end
  for i = first + 1, #ARGV, 2 do
    local isHour, given = ARGV[i] == 'h', { struct.unpack(SLOT, ARGV[i + 1]) }
    given[1] = isHour and math.floor((given[1] * 60 + shift) / 60) or given[1] + shift
    local current, kept = isHour and math.floor(v[1] / 60) or v[1], isHour and 48 or 60
    if given[1] == current then
      for k = 1, 13 do
        if isHour then
          base[k] = base[k] - given[k + 1]
          v[k + 14] = v[k + 14] + given[k + 1]
        else
          v[k + 14] = v[k + 14] - given[k + 1]
          v[k + 1] = v[k + 1] + given[k + 1]
        end
      end
    elseif given[1] < current and given[1] > current - kept then
      local name = ARGV[i] .. given[1] % kept
      local slot = unpackCounts(SLOT, 56, call('HGET', counters, name), 0)
      for k = 2, 14 do slot[k] = given[k] + (slot[1] == given[1] and slot[k] or 0) end
      call('HSET', counters, name, struct.pack(SLOT, given[1], unpack(slot, 2, 14)))
    end
  end
  for i = 15, 27 do v[i] = math.max(v[i], 0) end
  call('HSET', counters, 'now', struct.pack(NOW, unpack(v, 1, 27)), 'base', struct.pack(BASE, unpack(base, 1, 13)))
end
