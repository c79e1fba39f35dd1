-- Gives a scheduled event another due time.
-- KEYS: meta, due, flight, dead, rotation, pollslots, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 id, 6 due (see dueAt).
-- Returns 0 done, 1 not found, 2 in flight, 4 dead.
local meta, due, flight, dead, rotation, pollslots, absolute = unpack(KEYS)
-- @include partition
-- @include events
local id = ARGV[5]
local refusal = openPartition()
if refusal then return refusal end
readClock()
if not call('ZSCORE', due, id) then
  if call('ZSCORE', flight, id) then return 2 end
  if call('ZSCORE', dead, id) then return 4 end
  return 1
end
local at, was = dueAt(ARGV[6])
free()
call('ZADD', due, 'XX', at, id)
if was then noteAbsolute({ was, id }) else forgetAbsolute({ id }) end
wake(at)
finish()
return 0
