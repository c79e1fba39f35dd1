-- Places lines of the history that belong to this partition when the number of partitions is changed, or deletes those that were placed in another one.
-- KEYS: meta, completed, completedids.
-- ARGV: 1 time, 2 format, 3 partitions as they are marked meanwhile, 4 'place' or 'drop'; from 5 on to place for each line id, when it was completed in ms and record
-- (see events); to drop the ids.
-- Returns 1.
local meta, completed, completedids = unpack(KEYS)
-- @include partition
-- @include transfer
local refusal = openPartition(true)
if refusal then return refusal end
if ARGV[4] == 'place' then
  placeCompleted(5)
  return 1
end
free()
for i = 5, #ARGV do
  call('ZREM', completedids, ARGV[i])
  call('HDEL', completed, ARGV[i])
end
return 1
