-- Ends the pause of a partition, and notifies two nodes of what is due.
-- KEYS: meta, due, flight, rotation, pollslots.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel.
-- Returns the pause that was ended, or ''.
local meta, due, flight, rotation, pollslots = unpack(KEYS)
local channel = ARGV[4]
-- @include layout
-- @include clock
-- @include roles
-- @include head
local ended = pause
if ended == '' then return '' end
free()
pause = ''
call('HDEL', meta, 'pause')
local earliest = head()
if earliest then wake(earliest) end
keepRoles()
finish()
return ended
