-- Deletes events that were placed in another partition.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, absolute.
-- ARGV: 1 time, 2 format, 3 partitions; from 4 on the ids.
-- Returns how many there were.
local meta, due, flight, dead, body, tries, past, lease, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition(true)
if refusal then return refusal end
local ids = {}
for i = 4, #ARGV do ids[i - 3] = ARGV[i] end
free()
local total = call('ZREM', due, unpack(ids)) + call('ZREM', flight, unpack(ids)) + call('ZREM', dead, unpack(ids))
forgetAbsolute(ids)
call('HDEL', lease, unpack(ids))
call('HDEL', body, unpack(ids))
forgetPast(ids)
return total
