-- Pauses a partition: from now on nothing is claimed. The nodes that may hold events are told: as far as they have polled lately, and at most 1,000.
-- KEYS: meta, pollslots.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 since when in ms by the server's clock ('' for now, unless it is paused already), 6 who and why (see PauseText).
-- Returns {the pause in force, 1 if the partition is new}.
local meta, pollslots = unpack(KEYS)
local channel = ARGV[4]
-- @include layout
-- @include clock
local pause = state[13] or ''
if pause ~= '' and ARGV[5] == '' then return { pause, 0 } end
pause = (ARGV[5] == '' and int(rawNow) or ARGV[5]) .. ' ' .. ARGV[6]
free()
change('pause', pause)
change('primary', '')
change('armed', 0)
change('backup', '')
change('by', 0)
finish()
for _, node in ipairs(call('ZRANGE', pollslots, 0, 999)) do redis.pcall('PUBLISH', channel .. node, 'p 0') end
return { pause, fresh and 1 or 0 }
