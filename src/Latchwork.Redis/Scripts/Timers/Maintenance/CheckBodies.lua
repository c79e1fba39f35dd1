-- Examines what is stored of events, piece by piece, and repairs what is wrong in the same step.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the cursor: 0, then the one returned; 5 1 to repair.
-- Returns {the next cursor (0 at the end), {what is wrong, id…}}: 'orphan' (in no state: put among the dead letters), 'stuck' (a lease, but not in
-- flight: in flight, its lease over, so that it is taken back), 'damaged' (scheduled, and it cannot be read: put among the dead letters).
local meta, due, flight, dead, body, tries, past, lease, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition(true)
if refusal then return refusal end
readClock()
-- The values come along, so no more of them than make 1 MiB.
local most = math.max(1, math.min(100, math.floor(1048576 / ((tonumber(state[5]) or 0) + 12))))
local piece = call('HSCAN', body, ARGV[4], 'COUNT', most)
local found, repairs = {}, ARGV[5] == '1'
if repairs then
  free()
end
for i = 1, #piece[2], 2 do
  local id = piece[2][i]
  if not isIntact(piece[2][i + 1]) and call('ZSCORE', due, id) then
    found[#found + 1] = 'damaged'
    found[#found + 1] = id
    if repairs then deadLetter(id, 'latchwork doctor') end
  elseif not call('ZSCORE', due, id) and not call('ZSCORE', flight, id) and not call('ZSCORE', dead, id) then
    local stuck = call('HEXISTS', lease, id) == 1
    found[#found + 1] = stuck and 'stuck' or 'orphan'
    found[#found + 1] = id
    if repairs then forgetAbsolute({ id }) end
    if repairs and stuck then
      call('ZADD', flight, int(now), id)
    elseif repairs then
      local former = call('HGET', tries, id)
      local retries = former and tonumber(string.match(former, '^%d+')) or 0
      local record, field, failure = remember(former, id, now, 2, retries + 1, retries, 'latchwork doctor', 'It was in no state; its due time is not known.')
      call('HSET', tries, id, record)
      call('HSET', past, field, failure)
      call('ZADD', dead, int(now), id)
    end
  end
end
if #changes > 0 then
  finish()
end
return { piece[1], found }
