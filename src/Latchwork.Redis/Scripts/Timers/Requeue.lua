-- Schedules dead letters again, with no retry spent, no interruption counted, and their failures kept.
-- KEYS: meta, due, dead, tries, rotation, pollslots, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 due (see dueAt); from 6 on for each event: id, time of death or '' (see deadOf).
-- Returns one digit an event: 0 done, 1 not found.
local meta, due, dead, tries, rotation, pollslots, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local outcomes, ids = deadOf(6)
if #ids > 0 then
  local at, was = dueAt(ARGV[5])
  local places, spent, dated = {}, {}, {}
  for i, record in ipairs(call('HMGET', tries, unpack(ids))) do
    places[i * 2 - 1], places[i * 2] = at, ids[i]
    if was then dated[i * 2 - 1], dated[i * 2] = was, ids[i] end
    spent[i * 2 - 1], spent[i * 2] = ids[i], '0' .. (record and string.match(record, '^%d+( %d+ %d+ %d+)') or ' 0 0 0')
  end
  free()
  call('ZREM', dead, unpack(ids))
  call('ZADD', due, unpack(places))
  noteAbsolute(dated)
  call('HSET', tries, unpack(spent))
  wake(at)
  finish()
end
return table.concat(outcomes)
