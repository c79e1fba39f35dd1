-- Looks whether a partition was ever written, and checks its layout. Writes nothing.
-- KEYS: meta.
-- ARGV: 1 time, 2 format, 3 partitions.
-- Returns 1 if it was, else 0.
local meta = unpack(KEYS)
-- @include partition
local refusal = openPartition()
if refusal then return refusal end
return fresh and 0 or 1
