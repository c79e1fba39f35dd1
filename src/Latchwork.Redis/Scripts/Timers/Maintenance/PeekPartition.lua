-- Says what a partition is, whatever its layout.
-- KEYS: meta, due, flight, dead, scheduleids, moved.
-- ARGV: 1 time, 2 format, 3 partitions (none of which matters).
-- Returns {format or '' (it was never written), partitions, seal, import, events and schedules, 1 if there is a journal of a move, its pause or ''}.
local meta, due, flight, dead, scheduleids, moved = unpack(KEYS)
-- @include partition
local found = call('HMGET', meta, 'format', 'partitions', 'seal', 'import', 'pause')
return {
  found[1] or '', found[2] or '', found[3] or '', found[4] or '',
  call('ZCARD', due) + call('ZCARD', flight) + call('ZCARD', dead) + call('ZCARD', scheduleids), call('EXISTS', moved), found[5] or '',
}
