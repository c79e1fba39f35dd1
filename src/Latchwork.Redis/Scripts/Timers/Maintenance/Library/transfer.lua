-- What comes from elsewhere: from another store, or from another partition when their number is changed.
-- Wants: partition.
-- Gives: later(failure, ms), placeCompleted(first), addCounts(ms, first).
-- @include partition

-- A failure as it is stored, recorded so much later: by a partition's clock that is ahead of where it was recorded.
local function later(failure, span)
  if span == 0 then return failure end
  local attempt, at, rest = string.match(failure, '^(%d+) (%d+)( .*)$')
  return attempt and attempt .. ' ' .. int(at + span) .. rest or failure
end

-- Lines of the history, in ARGV from `first` on: id, when it was completed in ms, record. Of an id that has one already the later completion stands.
local function placeCompleted(first)
  local ids = {}
  for i = first, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
  if #ids == 0 then return end
  local there = call('ZMSCORE', completedids, unpack(ids))
  local places, records = {}, {}
  for i, id in ipairs(ids) do
    local at = first + (i - 1) * 3
    if not there[i] or tonumber(there[i]) < tonumber(ARGV[at + 1]) then
      local n = #places
      places[n + 1], places[n + 2] = ARGV[at + 1], id
      records[n + 1], records[n + 2] = id, ARGV[at + 2]
    end
  end
  if #places == 0 then return end
  call('HSET', completed, unpack(records))
  call('ZADD', completedids, unpack(places))
end

-- Adds counters that a namespace had elsewhere: as CounterRing.Add. Their minutes and hours are those of the server's clock, as they are shown; the time
-- is in ms. In ARGV from `first` on: the totals ('base'); then 'm' or 'h', and a minute or an hour, in turn.
local function addCounts(at, first)
  local minute = math.floor(at / 60000)
  local found = call('HMGET', counters, 'now', 'base')
  local v, base, fields = unpackCounts(NOW, 108, found[1], minute), unpackCounts(BASE, 104, found[2]), {}
  if v[1] < minute then
    beginMinute(v, minute, base, fields)
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
