-- Holds scheduled events that are in the wrong partition, so that nobody else delivers them while they are put right.
-- KEYS: meta, due, flight, body, tries, lease, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 token, 5 node, 6 lease in µs; from 7 on the ids.
-- Returns one digit an event: 0 held, 1 it is not scheduled (any more).
local meta, due, flight, body, tries, lease, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition(true)
if refusal then return refusal end
readClock()
free()
local outcomes = {}
for i = 7, #ARGV do
  local id = ARGV[i]
  local at = call('ZSCORE', due, id)
  if at and call('HSTRLEN', body, id) > 0 and not call('ZSCORE', flight, id) then
    local record = call('HGET', tries, id)
    local most = tonumber(string.sub(call('HGET', body, id), 1, 7)) or 0
    local was = aheadOf({ id })[1]
    call('ZREM', due, id)
    forgetAbsolute({ id })
    call('ZADD', flight, math.ceil((nowUs + ARGV[6]) / 1000), id)
    call('HSET', lease, id, leasePrefix(ARGV[4]) .. (record and string.match(record, '^%d+') or '-') .. ' ' .. leaseDue(int(tonumber(at)), was) .. ' ' .. int(most) .. ' ' .. int(now) .. ' ' .. ARGV[5])
    outcomes[#outcomes + 1] = '0'
  else
    outcomes[#outcomes + 1] = '1'
  end
end
finish()
return table.concat(outcomes)
