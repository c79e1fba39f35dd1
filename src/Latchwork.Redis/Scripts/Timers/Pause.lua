-- Pauses a partition: from now on nothing is claimed. The nodes that may hold events are told: as far as they have polled lately, and at most 1,000.
-- KEYS: meta, pollslots.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 since when in ms by the server's clock ('' for now, unless it is paused already), 6 who and why (see PauseText).
-- Returns {the pause in force, 1 if the partition is new}.
local meta, pollslots = unpack(KEYS)
-- @include partition
local refusal = openPartition()
if refusal then return refusal end
readClock()
local inForce = state[13] or ''
if inForce ~= '' and ARGV[5] == '' then return { inForce, 0 } end
inForce = (ARGV[5] == '' and int(rawNow) or ARGV[5]) .. ' ' .. ARGV[6]
free()
change('pause', inForce)
change('primary', '')
change('armed', 0)
change('backup', '')
change('by', 0)
finish()
for _, node in ipairs(call('ZRANGE', pollslots, 0, 999)) do redis.pcall('PUBLISH', ARGV[4] .. node, 'p 0') end
return { inForce, fresh and 1 or 0 }
