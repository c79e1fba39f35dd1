-- Looks at an event.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, schedules, completed, completedids, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 id.
-- Returns nothing if it is unknown, else {now in µs, 0 scheduled / 1 in flight / 2 dead, due, deadline or time of death, record of tries or
-- '', failures, body, token or '', node or '', claimed in ms, 1 if it has not begun, offset of the clock in µs,
-- 1 if it is due at an absolute time}; of a completed one {now in µs, 3, 0, when it was completed, its record or '' (see events)}.
local meta, due, flight, dead, body, tries, past, lease, schedules, completed, completedids, absolute = unpack(KEYS)
-- @include partition
-- @include events
local id = ARGV[4]
local refusal = openPartition()
if refusal then return refusal end
readClock()
local function snapshot(where, at, was, when, token, node, claimed)
  local record = call('HGET', tries, id)
  return { int(nowUs), where, int(dueOf(tonumber(at), was)), when, record or '', recall(id, record), call('HGET', body, id) or '', token or '', node or '', int(claimed or 0), where == 1 and notBegun(id) and 1 or 0, int(offsetUs), was and 1 or 0 }
end
local at = call('ZSCORE', due, id)
if at then return snapshot(0, at, tonumber(aheadOf({ id })[1] or nil), 0) end
local record = call('HGET', lease, id)
if record then
  local token, _, dueAt_, _, node, claimed, was = readLease(record)
  return snapshot(1, dueAt_, was, call('ZSCORE', flight, id) or 0, token, node, claimed)
end
local deadLetteredAt = call('ZSCORE', dead, id)
if deadLetteredAt then return snapshot(2, 0, nil, deadLetteredAt) end
local completedAt = call('ZSCORE', completedids, id)
if completedAt then return { int(nowUs), 3, 0, completedAt, call('HGET', completed, id) or '' } end
return false
