-- Reads the marks of a move, and replaces them if they are as expected.
-- KEYS: meta, due, flight, dead, scheduleids, completed, completedids, counters.
-- ARGV: 1 time, 2 format, 3 partitions; to replace also 4 seal and 5 import as expected, 6 seal and 7 import as they are to be, 8 1 if only
-- of a namespace that is empty, 9 pause as expected, 10 as it is to be; from 11 on counters
-- to be added (see addCounts). '' is none. Of a namespace of which everything was moved away the history is deleted. A namespace that was moved away and is opened again counts anew.
-- Returns {seal, import, 1 if they were replaced, pause}.
local meta, due, flight, dead, scheduleids, completed, completedids, counters = unpack(KEYS)
-- @include partition
-- @include transfer
local refusal = openPartition(true)
if refusal then return refusal end
local seal, import, paused = state[11] or '', call('HGET', meta, 'import') or '', state[13] or ''
if not ARGV[4] or seal ~= ARGV[4] or import ~= ARGV[5] or paused ~= ARGV[9] then return { seal, import, 0, paused } end
if ARGV[8] == '1' and call('ZCARD', due) + call('ZCARD', flight) + call('ZCARD', dead) + call('ZCARD', scheduleids) > 0 then return { seal, import, 0, paused } end
free()
change('seal', ARGV[6])
change('import', ARGV[7])
if paused ~= ARGV[10] then change('pause', ARGV[10]) end
if ARGV[8] == '1' then call('UNLINK', completed, completedids) end
if ARGV[6] == '' and string.match(seal, '^%a+') == 'moved' then call('UNLINK', counters) end
if ARGV[11] then addCounts((timeUs() + (tonumber(state[4]) or 0)) / 1000, 11) end
finish()
return { ARGV[6], ARGV[7], 1, ARGV[10] }
