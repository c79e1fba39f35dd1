-- Reads all that is stored of events, as it is, to place them in another partition.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, absolute.
-- ARGV: 1 time, 2 format, 3 partitions; from 4 on the ids.
-- Returns {offset of the clock in µs; for each event until they exceed 1 MiB (one always fits): {due (as in a lease), end of the lease, time of death, body,
-- record of tries, lease ('' for none), then slot and failure in turn}}.
local meta, due, flight, dead, body, tries, past, lease, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition(true)
if refusal then return refusal end
readClock()
local items, bytes = {}, 0
for i = 4, #ARGV do
  local id = ARGV[i]
  local record = call('HGET', tries, id)
  local failures = {}
  if record then
    local slots = {}
    for slot = 0, 9 do slots[slot + 1] = slot .. id end
    for slot, failure in ipairs(call('HMGET', past, unpack(slots))) do
      if failure then
        failures[#failures + 1] = slot - 1
        failures[#failures + 1] = failure
        bytes = bytes + #failure
      end
    end
  end
  bytes = bytes + call('HSTRLEN', body, id)
  if i > 4 and bytes > 1048576 then break end
  local at = call('ZSCORE', due, id)
  items[i - 3] = {
    at and leaseDue(at, aheadOf({ id })[1]) or '', call('ZSCORE', flight, id) or '', call('ZSCORE', dead, id) or '', call('HGET', body, id) or '',
    record or '', call('HGET', lease, id) or '', unpack(failures),
  }
end
local offset = int(offsetUs)
if #changes > 0 then
  free()
  finish()
end
return { offset, unpack(items) }
