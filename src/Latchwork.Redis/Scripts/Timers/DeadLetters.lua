-- A page of the dead letters, the longest dead first.
-- KEYS: meta, dead, body, tries, past.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the most events, 5 time of death and 6 id of the last event before ('' for the first page).
-- Returns {now in µs, '', 1 if there is more, offset of the clock in µs, {}; for each event: id, time of death, record of tries or '', failures, body}.
local meta, dead, body, tries, past = unpack(KEYS)
-- @include partition
-- @include events
-- @include pages
local refusal = openPartition()
if refusal then return refusal end
readClock()
local rank = ARGV[5] == '' and 0 or rankAfter(dead, ARGV[5], ARGV[6])
local items, more = page(dead, rank, tonumber(ARGV[4]))
return { int(nowUs), '', more and 1 or 0, int(offsetUs), {}, unpack(items) }
