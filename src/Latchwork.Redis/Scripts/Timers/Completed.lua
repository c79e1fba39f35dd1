-- A page of the completed events, the last first.
-- KEYS: meta, completed, completedids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the most lines, 5 time of completion and 6 id of the last line before ('' for the first page).
-- Returns {1 if there is more; for each line: id, when it was completed, its record or ''} (see events).
local meta, completed, completedids = unpack(KEYS)
-- @include partition
-- @include pages
local refusal = openPartition()
if refusal then return refusal end
return completedPage(ARGV[5], ARGV[6], tonumber(ARGV[4]))
