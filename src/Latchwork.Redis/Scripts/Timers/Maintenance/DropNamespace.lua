-- Deletes a partition of a namespace with all that it holds, unless a node listens, or it holds events or schedules and that is not to be passed over.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, schedulebodies, scheduleids, moved, completed, completedids, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 1 to delete it although it holds events or schedules, 5 1 to look only.
-- Returns {events and schedules, 1 if it was deleted, node…}: the nodes that listen, at most 20.
local meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, schedulebodies, scheduleids, moved, completed, completedids, counters, absolute = unpack(KEYS)
-- @include partition
local refusal = openPartition()
if refusal then return refusal end
readClock()
local total = call('ZCARD', due) + call('ZCARD', flight) + call('ZCARD', dead) + call('ZCARD', scheduleids)
local listening = call('ZRANGEBYSCORE', pollslots, int(now - 3000), '+inf', 'LIMIT', 0, 20)
if #listening > 0 or (total > 0 and ARGV[4] ~= '1') or ARGV[5] == '1' then return { int(total), 0, unpack(listening) } end
call('UNLINK', meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, schedulebodies, scheduleids, moved, completed, completedids, counters, absolute)
return { int(total), 1 }
