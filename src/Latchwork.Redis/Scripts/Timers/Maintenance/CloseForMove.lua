-- Seals a namespace that is to be moved to another store, unless a node listens or a lease runs.
-- KEYS: meta, due, flight, dead, pollslots, scheduleids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 move, 5 place of the target, 6 1 to look only.
-- Returns {the seal in force or '', time left on the last lease in µs, node…}.
local meta, due, flight, dead, pollslots, scheduleids = unpack(KEYS)
-- @include partition
local refusal = openPartition(true)
if refusal then return refusal end
readClock()
local seal = state[11] or ''
if seal ~= '' then return { seal, 0 } end
local nodes = call('ZRANGEBYSCORE', pollslots, int(now - 3000), '+inf', 'LIMIT', 0, 20)
local left = (tonumber(call('ZREVRANGE', flight, 0, 0, 'WITHSCORES')[2]) or 0) * 1000 - nowUs
if #nodes > 0 or left > 0 or ARGV[6] == '1' then return { '', math.max(0, left), unpack(nodes) } end

local total = call('ZCARD', due) + call('ZCARD', flight) + call('ZCARD', dead) + call('ZCARD', scheduleids)
seal = 'moving ' .. ARGV[4] .. ' ' .. int(total) .. ' ' .. ARGV[5]
free()
change('seal', seal)
finish()
return { seal, 0 }
