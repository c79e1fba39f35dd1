-- Ends deliveries for good.
-- KEYS: meta, flight, body, tries, past, lease, counters.
-- ARGV: 1 time, 2 format, 3 partitions; from 4 on for each delivery: id, token.
-- Returns one digit a delivery: 0 done, 1 not found, 3 stale.
local meta, flight, body, tries, past, lease, counters = unpack(KEYS)
-- @include layout
-- @include lease
-- @include held
-- @include forget
-- @include counters
local outcomes, live = held(4, 2, '1')
if #live > 0 then
  local ids, failed = {}, {}
  for i, it in ipairs(live) do
    ids[i] = it[2]
    if string.byte(it[3], it[4]) ~= 45 then failed[#failed + 1] = it[2] end -- 45 is '-': no retries, no past
  end
  -- @include free
  call('ZREM', flight, unpack(ids))
  call('HDEL', lease, unpack(ids))
  call('HDEL', body, unpack(ids))
  if #failed > 0 then forgetPast(failed) end
  count(CONFIRMED, #ids)
  keepCounts(lastNoted())
end
return table.concat(outcomes)
