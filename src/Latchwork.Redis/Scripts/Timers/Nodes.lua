-- Reads the list of nodes, piece by piece; a piece may repeat what an earlier one had.
-- KEYS: meta, nodes.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the cursor: 0, then the one returned.
-- Returns {now in µs, the next cursor (0 at the end), {for each node: id, record (see Claim)}}.
local meta, nodes = unpack(KEYS)
-- @include partition
local refusal = openPartition()
if refusal then return refusal end
readClock()
local piece = call('HSCAN', nodes, ARGV[4], 'COUNT', 200)
return { int(nowUs), piece[1], piece[2] }
