-- Takes in lines of the history that come from another store.
-- KEYS: meta, completed, completedids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 move, 5 the most lines to keep; from 6 on for each line: id, when it was completed in ms, record (see events).
-- Returns 1, or 0 if the import is not open for this move.
local meta, completed, completedids = unpack(KEYS)
-- @include partition
-- @include events
-- @include transfer
local refusal = openPartition()
if refusal then return refusal end
local phase, move = string.match(call('HGET', meta, 'import') or '', '^(%a+) (%S+)')
if phase ~= 'importing' or move ~= ARGV[4] then return 0 end
placeCompleted(6)
trimCompleted(0, tonumber(ARGV[5]))
return 1
