-- What happens to events is counted, by the script that does it. In `counters`: 'now' → the minute (since 1970) in which something was last counted, 13 counts of that minute, 13 of the
-- other minutes of its hour; 'base' → 13 counts of all before that hour; 'm' and a minute modulo 60, 'h' and an hour modulo 48 → its number and 13 counts, once it is over. All in
-- binary. It is read once and written once a script, after what frees, and however much is counted. See CounterRing, which is the same in C#.
-- Wants: layout or partition; the local `counters`.
-- Gives: POSTED and the other names of what is counted; count(which, how many), lastNoted() → the time in ms for scripts that do not ask for it, keepCounts(time in ms).
local POSTED, REPLACED, CANCELLED, DELIVERED, CONFIRMED, FAILED, HANDED_BACK, EXPIRED, DEAD_LETTERED = 1, 2, 3, 4, 5, 6, 7, 8, 9 -- and its reason is added to the last
local SLOT = '<I4I4I4I4I4I4I4I4I4I4I4I4I4I4'
local NOW = '<I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4'
local BASE = '<ddddddddddddd'

local counted
local function count(which, n)
  if n == 0 then return end
  counted = counted or { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  counted[which] = counted[which] + n
end

-- What is counted without a look at the clock belongs to the minute in which the partition last noted its time.
local function lastNoted()
  local given, last = tonumber(ARGV[1]), tonumber(state[3]) or 0
  return math.max(given and given + (tonumber(state[4]) or 0) or 0, last) / 1000
end

-- A record that somebody else's hand changed is begun anew: nothing may fail here, as something was written already.
local function unpackCounts(format, length, stored, first)
  if stored and #stored == length then return { struct.unpack(format, stored) } end
  local none = { first }
  for i = #none + 1, length / 4 do none[i] = 0 end
  return none
end

-- Begins a minute: the one before is over, and perhaps its hour.
local function begin(v, minute, base, fields)
  local put = function(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  put('m' .. v[1] % 60, struct.pack(SLOT, unpack(v, 1, 14)))
  for i = 2, 14 do
    v[i + 13] = v[i + 13] + v[i]
    v[i] = 0
  end
  local hour = math.floor(v[1] / 60)
  if hour < math.floor(minute / 60) then
    put('h' .. hour % 48, struct.pack(SLOT, hour, unpack(v, 15, 27)))
    for i = 1, 13 do
      base[i] = base[i] + v[i + 14]
      v[i + 14] = 0
    end
    put('base', struct.pack(BASE, unpack(base, 1, 13)))
  end
  v[1] = minute
end

local function keepCounts(at)
  if not counted then return end
  local minute = math.floor(at / 60000)
  local found = call('HMGET', counters, 'now', 'base')
  local v, fields = unpackCounts(NOW, 108, found[1], minute), {}
  if v[1] < minute then begin(v, minute, unpackCounts(BASE, 104, found[2]), fields) end
  for i = 1, 13 do v[i + 1] = v[i + 1] + counted[i] end
  fields[#fields + 1] = 'now'
  fields[#fields + 1] = struct.pack(NOW, unpack(v, 1, 27))
  call('HSET', counters, unpack(fields))
end
