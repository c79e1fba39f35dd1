-- The next schedules in order of their ids.
-- KEYS: meta, scheduleids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the id of the last before ('' for the first), 5 the most.
-- Returns their ids.
local meta, scheduleids = unpack(KEYS)
-- @include partition
local refusal = openPartition()
if refusal then return refusal end
return call('ZRANGEBYLEX', scheduleids, ARGV[4] == '' and '-' or '(' .. ARGV[4], '+', 'LIMIT', 0, ARGV[5])
