-- Schedules events.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, rotation, pollslots, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 one digit an event: what to do if it exists (0 replace, 1 refuse, 2 keep, 3 its id is
-- new), 6 the length of the largest payload with its headers; from 7 on for each event: id, due (see dueAt), body.
-- Returns {1 if the partition is new, one digit an event: 0 created, 1 replaced, 2 kept, 3 exists}.
local meta, due, flight, dead, body, tries, past, lease, rotation, pollslots, counters, absolute = unpack(KEYS)
-- @include partition
-- @include events
local modes = ARGV[5]
local refusal = openPartition()
if refusal then return refusal end
readClock()

local n = (#ARGV - 6) / 3
local leases = {}
local known = {} -- id → 's'cheduled, in 'f'light, 'd'ead

-- Where the ids stand. A few are first asked for all at once: they are new as a rule, and each event has a body.
local function look()
  local ids = {}
  for i = 1, n do
    if string.byte(modes, i) ~= 51 then ids[#ids + 1] = ARGV[4 + i * 3] end
  end
  if #ids == 0 then return end
  if #ids <= 3 then
    local found = 0
    for _, id in ipairs(ids) do found = found + call('HSTRLEN', body, id) end
    if found == 0 then return end
  end
  local scheduled = call('ZMSCORE', due, unpack(ids))
  local held = call('HMGET', lease, unpack(ids))
  local deadLettered = call('ZMSCORE', dead, unpack(ids))
  for i, id in ipairs(ids) do
    if held[i] then
      known[id] = 'f'
      leases[id] = held[i]
    else
      known[id] = scheduled[i] and 's' or deadLettered[i] and 'd' or nil
    end
  end
end
look()

local outcomes, places, bodies, dated = {}, {}, {}, {}
local former, revoked, formerDead = {}, {}, {}
local earliest
for i = 1, n do
  local id, mode = ARGV[4 + i * 3], string.byte(modes, i)
  local where = known[id]
  if where and where ~= 'd' and (mode == 49 or mode == 50) then
    outcomes[i] = mode == 49 and '3' or '2'
  else
    local at, was = dueAt(ARGV[5 + i * 3])
    if not earliest or at < earliest then earliest = at end
    places[#places + 1] = at
    places[#places + 1] = id
    bodies[#bodies + 1] = id
    bodies[#bodies + 1] = ARGV[6 + i * 3]
    if where then former[#former + 1] = id end
    dated[id] = was -- of an id that comes twice the last counts
    if where == 'f' then revoked[#revoked + 1] = id end
    if where == 'd' then formerDead[#formerDead + 1] = id end
    outcomes[i] = where and '1' or '0'
    known[id] = 's'
  end
end

if earliest then
  -- First what a full server refuses, so that a post is refused as a whole.
  call('ZADD', due, unpack(places))
  call('HSET', body, unpack(bodies))
  if #former > 0 then
    forgetPast(former)
    forgetAbsolute(former)
  end
  local absolutes = {}
  for id, was in pairs(dated) do
    absolutes[#absolutes + 1] = was
    absolutes[#absolutes + 1] = id
  end
  noteAbsolute(absolutes)
  if #formerDead > 0 then call('ZREM', dead, unpack(formerDead)) end
  if #revoked > 0 then
    call('ZREM', flight, unpack(revoked))
    call('HDEL', lease, unpack(revoked))
    for _, id in ipairs(revoked) do revoke(id, leases[id]) end
  end
  noteLargest(ARGV[6])
  wake(earliest)
  count(POSTED, #places / 2)
  count(REPLACED, #former)
  keepCounts(now)
  finish()
end
return { fresh and earliest and 1 or 0, table.concat(outcomes) }
