-- Reads the counters of a partition, whatever the namespace is under; adds those of another partition, once until the partitions are opened again,
-- whichever way the change of their number goes meanwhile; or deletes them, when they were added elsewhere.
-- KEYS: meta, counters.
-- ARGV: 1 time, 2 format, 3 partitions; to add 4 the index of the other partition, from 5 on its counters (see addCounts); to delete 4 ''.
-- Returns {now in µs, offset of the clock in µs, field, value…}; or 1 if they were added, 0 if they had been already.
local meta, counters = unpack(KEYS)
-- @include partition
-- @include transfer
local refusal = openPartition(true)
if refusal then return refusal end
if not ARGV[4] then return { int(timeUs() + (tonumber(state[4]) or 0)), state[4] or '0', unpack(readCounters()) } end
if ARGV[4] == '' then
  call('UNLINK', counters)
  return 0
end
local mark = 'f' .. ARGV[4]
if call('HEXISTS', counters, mark) == 1 then return 0 end
free()
call('HSET', counters, mark, 1)
addCounts((timeUs() + (tonumber(state[4]) or 0)) / 1000, 5)
return 1
