-- Takes a node off the list and passes its role on.
-- KEYS: meta, due, flight, claims, nodes, rotation, pollslots.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 node.
-- Returns 1 if it was there, else 0.
local meta, due, flight, claims, nodes, rotation, pollslots = unpack(KEYS)
-- @include partition
local node = ARGV[5]
local refusal = openPartition()
if refusal then return refusal end
readClock()
if call('HEXISTS', nodes, node) == 0 then return 0 end
free()
readRoles()
call('HDEL', nodes, node)
call('HDEL', claims, node)
call('ZREM', rotation, node)
call('ZREM', pollslots, node)
resign(node, head())
keepRoles()
finish()
return 1
