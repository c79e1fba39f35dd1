-- Examines records about events that should be gone with them, piece by piece, and drops those in the same step.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, completed, completedids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the cursor: 0, then the one returned; 5 1 to repair; 6 which: 0 of tries, 1 failures, 2 leases, 3 completed.
-- Returns {the next cursor (0 at the end), {'leftover', id…}}.
local meta, due, flight, dead, body, tries, past, lease, completed, completedids = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition(true)
if refusal then return refusal end
local piece, found, repairs
if ARGV[6] == '0' then
  piece = call('HSCAN', tries, ARGV[4], 'COUNT', 100)
elseif ARGV[6] == '1' then
  piece = call('HSCAN', past, ARGV[4], 'COUNT', 100)
elseif ARGV[6] == '3' then
  piece = call('HSCAN', completed, ARGV[4], 'COUNT', 100)
else
  piece = call('HSCAN', lease, ARGV[4], 'COUNT', 100)
end
found, repairs = {}, ARGV[5] == '1'
if repairs then
  free()
end
for i = 1, #piece[2], 2 do
  local field = piece[2][i]
  local id = ARGV[6] == '1' and string.sub(field, 2) or field
  local isGone = call('HSTRLEN', body, id) == 0
    and not call('ZSCORE', due, id) and not call('ZSCORE', flight, id) and not call('ZSCORE', dead, id)
  if ARGV[6] == '3' then isGone = not call('ZSCORE', completedids, id) end
  if ARGV[6] == '1' then isGone = call('HSTRLEN', tries, id) == 0 end
  if isGone then
    found[#found + 1] = 'leftover'
    found[#found + 1] = id
    if repairs then
      if ARGV[6] == '0' then forgetPast({ id }) end
      if ARGV[6] == '1' then call('HDEL', past, field) end
      if ARGV[6] == '3' then call('HDEL', completed, id) end
      if ARGV[6] == '2' then call('HDEL', lease, id) end
    end
  end
end
return { piece[1], found }
