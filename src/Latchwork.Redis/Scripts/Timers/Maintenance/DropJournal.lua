-- Drops the journal of a move that is over. Redis frees the memory in the background.
-- KEYS: meta, moved.
-- ARGV: 1 time, 2 format, 3 partitions.
-- Returns 1.
local meta, moved = unpack(KEYS)
-- @include partition
local refusal = openPartition(true)
if refusal then return refusal end
local phase = string.match(call('HGET', meta, 'import') or '', '^%a+')
if phase ~= 'importing' and phase ~= 'closed' then call('UNLINK', moved) end
return 1
