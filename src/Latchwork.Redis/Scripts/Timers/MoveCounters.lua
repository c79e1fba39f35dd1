-- Reads the counters of a partition, whatever the namespace is under; or adds those of another partition, once in a change of their number.
-- KEYS: meta, counters.
-- ARGV: 1 time, 2 format, 3 partitions; to add 4 the index of the other partition, from 5 on its counters (see addCounts).
-- Returns {now in µs, field, value…}; or 1 if they were added, 0 if they had been already.
local meta, counters = unpack(KEYS)
-- @include partition
-- @include time
-- @include counters
-- @include addCounts
-- @include readCounters
if not ARGV[4] then return { int(nowUs + (tonumber(state[4]) or 0)), unpack(readCounters()) } end
local mark = 'f' .. ARGV[4]
if call('HGET', counters, mark) == ARGV[3] then return 0 end
-- @include free
call('HSET', counters, mark, ARGV[3])
addCounts((nowUs + (tonumber(state[4]) or 0)) / 1000, 5)
return 1
