-- Ends the change of the number of partitions for this one: it serves clients with the new number, or is none of the namespace any more.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, schedulebodies, scheduleids, moved, completed, completedids, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions as they are marked meanwhile, 4 the number afterwards, 5 1 if it belongs to the namespace afterwards, 6 the pause
-- of the namespace, or ''.
-- Returns how many events it has that must be elsewhere first: 0 if it was done.
local meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, schedulebodies, scheduleids, moved, completed, completedids, counters, absolute = unpack(KEYS)
-- @include partition
local refusal = openPartition(true)
if refusal then return refusal end
if ARGV[5] ~= '1' then
  local left = call('ZCARD', due) + call('ZCARD', flight) + call('ZCARD', dead) + call('ZCARD', scheduleids)
  if left > 0 then return left end
  free()
  -- What remains is `meta` with the number, which refuses clients that know of more partitions. Redis frees the memory in the background.
  call('UNLINK', due, flight, dead, body, tries, past, lease, schedules, schedulebodies, scheduleids, moved, completed, completedids, counters, absolute)
end
-- Whose counters were added here (see MoveCounters): they may be again in the next change.
local marks = {}
for i = 0, 1023 do marks[#marks + 1] = 'f' .. i end
call('HDEL', counters, unpack(marks))
call('UNLINK', claims, nodes, rotation, pollslots)
call('HDEL', meta, 'primary', 'armed', 'backup', 'by', 'since')
call('HSET', meta, 'format', ARGV[2], 'partitions', ARGV[4], 'pause', ARGV[6])
return 0
