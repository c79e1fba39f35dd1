-- Takes in events that come from another store, and notes them in the journal of the move; all of them or, if one id is taken, none.
-- KEYS: meta, due, flight, dead, body, tries, past, rotation, pollslots, schedules, schedulebodies, scheduleids, moved, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 move, 6 the length of the largest payload with its headers; from 7 on for each event: id,
-- due in µs from now (below zero: overdue; behind 'a' if it is an absolute time), time since death in µs or '', body, retries, reason of death and how often its handlers were
-- interrupted (as at the end of a record of tries), number of failures, failure… (see events). Of a record of a schedule (its id has U+001F at its end) the body is its own,
-- and instead of failures come its stamp, 1 if it is paused, expected, queued, rest, and the occurrences that began (see events).
-- Returns one digit an event: 0 taken in, 1 came before, 2 its id is taken, 3 the import is not open for this move.
local meta, due, flight, dead, body, tries, past, rotation, pollslots, schedules, schedulebodies, scheduleids, moved, absolute = unpack(KEYS)
-- @include partition
-- @include events
-- @include transfer
local refusal = openPartition()
if refusal then return refusal end
readClock()

local function scheduleOf(id)
  return string.sub(id, -1) == '\31' and string.sub(id, 1, -2)
end

local ids, first = {}, {}
do
  local at = 7
  while ARGV[at] do
    ids[#ids + 1], first[#first + 1] = ARGV[at], at
    at = at + 7 + tonumber(ARGV[at + 6])
  end
end

local phase, move, before, place = string.match(call('HGET', meta, 'import') or '', '^(%a+) (%S+) (%d+) (.*)$')
local isSame = move == ARGV[5]
-- One that came before is known even where the import is closed: whoever aborts a move asks for that.
local came = isSame and call('SMISMEMBER', moved, unpack(ids)) or {}
local isOpen = isSame and phase == 'importing'
local scheduled, held, deadLettered = call('ZMSCORE', due, unpack(ids)), call('ZMSCORE', flight, unpack(ids)), call('ZMSCORE', dead, unpack(ids))
local outcomes, taken = {}, false
for i = 1, #ids do
  if came[i] == 1 then
    outcomes[i] = '1'
  elseif not isOpen then
    outcomes[i] = '3'
  elseif scheduled[i] or held[i] or deadLettered[i] or (scheduleOf(ids[i]) and call('HEXISTS', schedules, scheduleOf(ids[i])) == 1) then
    outcomes[i], taken = '2', true
  else
    outcomes[i] = '0'
  end
end
if taken then return table.concat(outcomes) end

local places, deaths, bodies, records, failures, arrived, dated, earliest = {}, {}, {}, {}, {}, {}, {}, nil
local recurring, recurringBodies, recurringIds = {}, {}, {}
local function put(list, a, b)
  list[#list + 1] = a
  list[#list + 1] = b
end
for i, id in ipairs(ids) do
  if outcomes[i] == '0' and scheduleOf(id) then
    local a, record = first[i], {}
    for k = 1, tonumber(ARGV[a + 6]) do record[k] = ARGV[a + 6 + k] end
    arrived[#arrived + 1] = id
    put(recurring, scheduleOf(id), cmsgpack.pack(record))
    put(recurringBodies, scheduleOf(id), ARGV[a + 3])
    put(recurringIds, 0, scheduleOf(id))
  elseif outcomes[i] == '0' then
    local a = first[i]
    local isAbsolute, left = string.match(ARGV[a + 1], '^(a?)(.*)$')
    local at = math.max(0, math.ceil((nowUs + left) / 1000))
    local ago, retries, n = tonumber(ARGV[a + 2]), ARGV[a + 4], tonumber(ARGV[a + 6])
    arrived[#arrived + 1] = id
    put(bodies, id, ARGV[a + 3])
    if ago then
      put(deaths, math.ceil((nowUs - ago) / 1000), id)
    else
      put(places, at, id)
      if isAbsolute ~= '' then put(dated, ahead, id) end
      if not earliest or at < earliest then earliest = at end
    end
    if ago or n > 0 or retries ~= '0' or string.find(ARGV[a + 5], ' ', 1, true) then put(records, id, retries .. ' ' .. int(n) .. ' ' .. int(at) .. ' ' .. ARGV[a + 5]) end
    for slot = 0, n - 1 do put(failures, slot .. id, later(ARGV[a + 7 + slot], ahead)) end
  end
end

if #arrived > 0 then
  -- The first write is one that a full server refuses, so the events are refused as a whole.
  if #bodies > 0 then call('HSET', body, unpack(bodies)) end
  if #recurring > 0 then
    call('HSET', schedules, unpack(recurring))
    call('HSET', schedulebodies, unpack(recurringBodies))
    call('ZADD', scheduleids, unpack(recurringIds))
  end
  if #places > 0 then call('ZADD', due, unpack(places)) end
  noteAbsolute(dated)
  if #deaths > 0 then call('ZADD', dead, unpack(deaths)) end
  if #records > 0 then call('HSET', tries, unpack(records)) end
  for start = 1, #failures, 400 do call('HSET', past, unpack(failures, start, math.min(start + 399, #failures))) end
  call('SADD', moved, unpack(arrived))
  noteLargest(ARGV[6])
  change('import', phase .. ' ' .. move .. ' ' .. int(before + #arrived) .. ' ' .. place)
  if earliest then
    wake(earliest)
  end
  finish()
end
return table.concat(outcomes)
