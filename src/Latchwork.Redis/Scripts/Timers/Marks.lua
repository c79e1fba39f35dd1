-- Reads the marks of a move, and replaces them if they are as expected.
-- KEYS: meta, due, flight, dead, scheduleids.
-- ARGV: 1 time, 2 format, 3 partitions; to replace also 4 seal and 5 import as expected, 6 seal and 7 import as they are to be, 8 1 if only
-- of a namespace that is empty, 9 pause as expected, 10 as it is to be. '' is none.
-- Returns {seal, import, 1 if they were replaced, pause}.
local meta, due, flight, dead, scheduleids = unpack(KEYS)
-- @include partition
local seal, import, pause = state[11] or '', call('HGET', meta, 'import') or '', state[13] or ''
if not ARGV[4] or seal ~= ARGV[4] or import ~= ARGV[5] or pause ~= ARGV[9] then return { seal, import, 0, pause } end
if ARGV[8] == '1' and call('ZCARD', due) + call('ZCARD', flight) + call('ZCARD', dead) + call('ZCARD', scheduleids) > 0 then return { seal, import, 0, pause } end
-- @include free
change('seal', ARGV[6])
change('import', ARGV[7])
if pause ~= ARGV[10] then change('pause', ARGV[10]) end
-- @include finish
return { ARGV[6], ARGV[7], 1, ARGV[10] }
