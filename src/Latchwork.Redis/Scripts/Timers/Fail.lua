-- Ends deliveries that failed: the events are scheduled again with one retry spent, or die. The first nine times that a handler is interrupted
-- hand the event back: it is scheduled at its former due time, and nothing but their number is kept.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, rotation, pollslots, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 how long the dead are kept in ms, 6 how many of them; from 7 on for each delivery: id,
-- token, node, error, retry in µs (below zero: never), reason to die of, 1 if the handler was interrupted.
-- Returns one digit a delivery: 0 will be retried, 1 not found, 3 stale, 4 dead.
local meta, due, flight, dead, body, tries, past, lease, rotation, pollslots, counters, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local outcomes, live = heldOf(7, 7, '3')
if #live > 0 then
  local ids = {}
  for i, it in ipairs(live) do ids[i] = it[2] end
  local former = call('HMGET', tries, unpack(ids))
  local again, deadLettered, spent, remembered, dated, earliest = {}, {}, {}, {}, {}, nil
  for i, it in ipairs(live) do
    local index, id = it[1], it[2]
    local first = 7 + (index - 1) * 7
    local _, retries, at, max, _, _, was = readLease(it[3])
    at, was = dueOf(at, was)
    retries = tonumber(retries) or 0
    local delay = tonumber(ARGV[first + 4])
    local isFree = false
    if ARGV[first + 6] == '1' then
      local times
      former[i], times = interrupted(former[i], retries)
      isFree = times <= 9
    end
    count(isFree and HANDED_BACK or FAILED, 1)
    local lives = isFree or delay >= 0 and retries < max
    local record, field, failure = former[i], nil, nil
    if not isFree then
      record, field, failure =
        remember(former[i], id, at, ARGV[first + 5], retries + 1, lives and retries + 1 or retries, ARGV[first + 2], ARGV[first + 3])
      remembered[#remembered + 1] = field
      remembered[#remembered + 1] = failure
    end
    spent[i * 2 - 1], spent[i * 2] = id, record
    if lives then
      if not isFree then
        at = math.ceil((nowUs + delay) / 1000) -- a backoff is no absolute time
      elseif was then
        dated[#dated + 1] = was
        dated[#dated + 1] = id
      end
      if not earliest or at < earliest then earliest = at end
      again[#again + 1] = at
      again[#again + 1] = id
    else
      outcomes[index] = '4'
      count(DEAD_LETTERED + ARGV[first + 5], 1)
      deadLettered[#deadLettered + 1] = now
      deadLettered[#deadLettered + 1] = id
    end
  end
  free()
  call('ZREM', flight, unpack(ids))
  call('HDEL', lease, unpack(ids))
  call('HSET', tries, unpack(spent))
  if #remembered > 0 then call('HSET', past, unpack(remembered)) end
  if #again > 0 then
    call('ZADD', due, unpack(again))
    noteAbsolute(dated)
    wake(earliest)
  end
  if #deadLettered > 0 then
    call('ZADD', dead, unpack(deadLettered))
    trimDead(tonumber(ARGV[5]), tonumber(ARGV[6]))
  end
  keepCounts(now)
  finish()
end
return table.concat(outcomes)
