-- A page of the ids in one state.
-- KEYS: meta, due, flight, dead.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the state: 0 scheduled, 1 in flight, 2 dead; 5 score and 6 id of the last before ('' for the first
-- page), 7 the most ids.
-- Returns {id, score…}.
local meta, due, flight, dead = unpack(KEYS)
-- @include partition
-- @include pages
local refusal = openPartition(true)
if refusal then return refusal end
local set = ARGV[4] == '0' and due or ARGV[4] == '1' and flight or dead
local rank = ARGV[5] == '' and 0 or rankAfter(set, ARGV[5], ARGV[6])
return call('ZRANGE', set, rank, rank + ARGV[7] - 1, 'WITHSCORES')
