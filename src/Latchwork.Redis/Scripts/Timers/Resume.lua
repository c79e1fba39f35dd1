-- Ends the pause of a partition, and notifies two nodes of what is due.
-- KEYS: meta, due, flight, rotation, pollslots.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel.
-- Returns the pause that was ended, or ''.
local meta, due, flight, rotation, pollslots = unpack(KEYS)
-- @include partition
local refusal = openPartition()
if refusal then return refusal end
readClock()
local ended = state[13] or ''
if ended == '' then return '' end
free()
state[13] = ''
call('HDEL', meta, 'pause')
local earliest = head()
if earliest then wake(earliest) end
finish()
return ended
