-- Makes leases last from now on; never shorter than they are.
-- KEYS: meta, flight, body, lease.
-- ARGV: 1 time, 2 format, 3 partitions, 4 lease in µs; from 5 on for each delivery: id, token.
-- Returns one digit a delivery: 0 done, 1 not found, 3 stale.
local meta, flight, body, lease = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local outcomes, live = heldOf(5, 2, false)
if #live > 0 then
  local deadline = math.ceil((nowUs + tonumber(ARGV[4])) / 1000)
  local ends = {}
  for i, it in ipairs(live) do
    ends[i * 2 - 1], ends[i * 2] = deadline, it[2]
  end
  free()
  call('ZADD', flight, 'XX', 'GT', unpack(ends))
  finish()
end
return table.concat(outcomes)
