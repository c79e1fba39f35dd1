-- A page of the completed events, whatever the namespace is under: for a move, and for a change of the number of partitions.
-- KEYS: meta, completed, completedids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the most lines, 5 time of completion and 6 id of the last line before ('' for the first page).
-- Returns what Completed does.
local meta, completed, completedids = unpack(KEYS)
-- @include partition
-- @include pages
local refusal = openPartition(true)
if refusal then return refusal end
return completedPage(ARGV[5], ARGV[6], tonumber(ARGV[4]))
