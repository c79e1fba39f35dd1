-- Checks a partition's layout, and records it when it has none.
-- KEYS: meta.
-- ARGV: 1 time, 2 format, 3 partitions.
-- Returns 1 if the partition is new, else 0.
local meta = unpack(KEYS)
-- @include partition
local refusal = openPartition()
if refusal then return refusal end
if fresh then
  finish()
end
return fresh and 1 or 0
