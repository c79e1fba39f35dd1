-- Deletes dead letters for good.
-- KEYS: meta, dead, body, tries, past.
-- ARGV: 1 time, 2 format, 3 partitions; from 4 on for each event: id, time of death or '' (see deadOf).
-- Returns one digit an event: 0 done, 1 not found.
local meta, dead, body, tries, past = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local outcomes, ids = deadOf(4)
if #ids > 0 then
  free()
  call('ZREM', dead, unpack(ids))
  call('HDEL', body, unpack(ids))
  forgetPast(ids)
  finish()
end
return table.concat(outcomes)
