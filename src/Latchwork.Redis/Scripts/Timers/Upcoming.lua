-- A page of the scheduled events.
-- KEYS: meta, due, body, tries, past, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the most events; then for the first page 5 offset in µs or '', 6 length of the window in µs or
-- '', for others 5 score and 6 id of the last event before, 7 the end of the window in ms (exclusive) or ''; 8 1 for the first page.
-- Returns {now in µs, the end of the window or '', 1 if there is more, offset of the clock in µs, {for each event: how far its
-- due time is ahead of an absolute one, or nothing}; for each event: id, due, record of tries or '', failures, body}.
local meta, due, body, tries, past, absolute = unpack(KEYS)
-- @include partition
-- @include events
-- @include pages
local refusal = openPartition()
if refusal then return refusal end
readClock()
local rank, stop
if ARGV[8] == '1' then
  local offset, length = tonumber(ARGV[5]), tonumber(ARGV[6])
  rank = offset and call('ZCOUNT', due, '-inf', '(' .. int(math.ceil((nowUs + offset) / 1000))) or 0
  stop = length and math.ceil((nowUs + (offset or 0) + length) / 1000)
else
  rank = rankAfter(due, ARGV[5], ARGV[6])
  stop = tonumber(ARGV[7])
end
local items, more = page(due, rank, tonumber(ARGV[4]), stop and stop - 1)
local ids = {}
for i = 1, #items, 5 do ids[#ids + 1] = items[i] end
return { int(nowUs), stop and int(stop) or '', more and 1 or 0, int(offsetUs), aheadOf(ids), unpack(items) }
