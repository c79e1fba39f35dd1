-- Hands deliveries back: the events are scheduled again at their former due time.
-- KEYS: meta, due, flight, body, lease, rotation, pollslots, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel; from 5 on for each delivery: id, token.
-- Returns one digit a delivery: 0 done, 1 not found, 3 stale.
local meta, due, flight, body, lease, rotation, pollslots, counters, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local outcomes, live = heldOf(5, 2, '3')
if #live > 0 then
  local ids, places, dated, earliest = {}, {}, {}, nil
  for i, it in ipairs(live) do
    local _, _, at, _, _, _, was = readLease(it[3])
    if was then
      at, was = dueOf(at, was)
      dated[#dated + 1] = was
      dated[#dated + 1] = it[2]
    end
    if not earliest or at < earliest then earliest = at end
    ids[i] = it[2]
    places[i * 2 - 1], places[i * 2] = at, it[2]
  end
  free()
  call('ZREM', flight, unpack(ids))
  call('HDEL', lease, unpack(ids))
  call('ZADD', due, unpack(places))
  noteAbsolute(dated)
  wake(earliest)
  count(HANDED_BACK, #ids)
  keepCounts(now)
  finish()
end
return table.concat(outcomes)
