-- Counts by state.
-- KEYS: meta, due, flight, dead, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions.
-- Returns {now in µs, scheduled, in flight, dead, trimmed, the earliest due time or '', its pause or '', {field, value… of the counters},
-- offset of the clock in µs}. Of more than 200 absolute times that are to be dated anew those that are due behind them are not seen.
local meta, due, flight, dead, counters, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local earliest = tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2])
if ahead > 0 and state[14] == '1' then
  local found, ids = call('ZRANGEBYSCORE', due, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, 200), {}
  for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
  local aheads = aheadOf(ids)
  earliest = nil
  for i = 1, #ids do
    local at = dueOf(tonumber(found[i * 2]), tonumber(aheads[i] or nil))
    if at <= now and (not earliest or at < earliest) then earliest = at end
  end
end
return {
  int(nowUs), call('ZCARD', due), call('ZCARD', flight), call('ZCARD', dead), call('HGET', meta, 'trimmed') or '0',
  earliest and int(earliest) or '', state[13] or '', readCounters(), int(offsetUs),
}
