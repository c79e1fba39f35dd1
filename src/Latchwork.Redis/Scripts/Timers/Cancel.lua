-- Removes an event: a scheduled or dead one, and if so told one in flight, whose node hears of it.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 id, 6 1 to remove it even in flight.
-- Returns 0 done, 1 not found, 2 in flight, 10 done (it was a dead letter).
local meta, due, flight, dead, body, tries, past, lease, counters, absolute = unpack(KEYS)
-- @include partition
-- @include events
local id = ARGV[5]
local refusal = openPartition()
if refusal then return refusal end
local record = call('HGET', lease, id)
if record and ARGV[6] ~= '1' then return 2 end
if not record and call('HSTRLEN', body, id) == 0 then return 1 end
free()
call('ZREM', due, id)
forgetAbsolute({ id })
call('ZREM', flight, id)
local wasDead = call('ZREM', dead, id)
call('HDEL', lease, id)
call('HDEL', body, id)
forgetPast({ id })
if record then revoke(id, record) end
if wasDead == 0 then count(CANCELLED, 1) end
keepCounts(lastNoted())
return wasDead == 1 and 10 or 0
