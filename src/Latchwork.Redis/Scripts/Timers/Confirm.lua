-- Ends deliveries for good.
-- KEYS: meta, flight, body, tries, past, lease, completed, completedids, counters.
-- ARGV: 1 time, 2 format, 3 partitions, 4 how long a completed event is kept in ms (0: none is, and the history is not touched), 5 how many of them, 6 the outcome that
-- is kept; from 7 on for each delivery: id, token.
-- Returns one digit a delivery: 0 done, 1 not found, 3 stale.
local meta, flight, body, tries, past, lease, completed, completedids, counters = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
local outcomes, live = heldOf(7, 2, '1')
if #live > 0 then
  local ids, failed = {}, {}
  for i, it in ipairs(live) do
    ids[i] = it[2]
    if string.byte(it[3], it[4]) ~= 45 then failed[#failed + 1] = it[2] end -- 45 is '-': no retries, no past
  end
  local at, completedAt, aheadBy
  if ARGV[4] ~= '0' then
    readClock()
    at, completedAt, aheadBy = now, rawNow, ahead
  end
  free()
  call('ZREM', flight, unpack(ids))
  call('HDEL', lease, unpack(ids))
  call('HDEL', body, unpack(ids))
  if #failed > 0 then forgetPast(failed) end
  count(CONFIRMED, #ids)
  keepCounts(at or lastNoted())
  if at then
    local lines, places = {}, {}
    for i, it in ipairs(live) do
      lines[i * 2 - 1], lines[i * 2] = it[2], ARGV[6] .. ' ' .. completedRecord(string.sub(it[3], it[4]), aheadBy)
      places[i * 2 - 1], places[i * 2] = completedAt, it[2]
    end
    call('HSET', completed, unpack(lines))
    call('ZADD', completedids, unpack(places))
    trimCompleted(completedAt - ARGV[4], tonumber(ARGV[5]), aheadBy > 0 and completedAt)
    finish()
  end
end
return table.concat(outcomes)
