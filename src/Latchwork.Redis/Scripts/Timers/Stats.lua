-- Counts by state.
-- KEYS: meta, due, flight, dead, counters.
-- ARGV: 1 time, 2 format, 3 partitions.
-- Returns {now in µs, scheduled, in flight, dead, trimmed, the earliest due time or '', its pause or '', {field, value… of the counters}}.
local meta, due, flight, dead, counters = unpack(KEYS)
-- @include layout
-- @include clock
-- @include readCounters
return {
  int(nowUs), call('ZCARD', due), call('ZCARD', flight), call('ZCARD', dead), call('HGET', meta, 'trimmed') or '0',
  call('ZRANGE', due, 0, 0, 'WITHSCORES')[2] or '', state[13] or '', readCounters(),
}
