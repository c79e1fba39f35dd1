-- A page of what is in flight, those first whose lease ends first.
-- KEYS: meta, flight, body, tries, past, lease, schedules.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the most events, 5 end of the lease and 6 id of the last event before ('' for the first page).
-- Returns {now in µs, 1 if there is more, offset of the clock in µs; for each event: id, end of the lease, record of tries or '', failures, body, due, token, node, claimed in ms,
-- 1 if it has not begun}.
local meta, flight, body, tries, past, lease, schedules = unpack(KEYS)
-- @include partition
-- @include events
-- @include pages
local refusal = openPartition()
if refusal then return refusal end
readClock()
local rank = ARGV[5] == '' and 0 or rankAfter(flight, ARGV[5], ARGV[6])
local items, more = page(flight, rank, tonumber(ARGV[4]))
local ids = {}
for i = 1, #items, 5 do ids[#ids + 1] = items[i] end
local leases = #ids > 0 and call('HMGET', lease, unpack(ids)) or {}
local reply = { int(nowUs), more and 1 or 0, int(offsetUs) }
for i, id in ipairs(ids) do
  local token, _, at, _, node, claimed, was = readLease(leases[i] or '')
  local n = #reply
  for k = 1, 5 do reply[n + k] = items[(i - 1) * 5 + k] end
  reply[n + 6], reply[n + 7], reply[n + 8], reply[n + 9], reply[n + 10] = int(dueOf(at, was)), token, node, int(claimed), notBegun(id) and 1 or 0
end
return reply
