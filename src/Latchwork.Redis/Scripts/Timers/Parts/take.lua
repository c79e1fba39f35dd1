-- Moves due events in flight: those that are longest due; in a backlog in turn the one that is longest due and the one that fell due last.
-- What cannot be read, because somebody else's hand changed it, is dead-lettered instead, and keeps nobody else from coming.
-- Wants: layout, clock, damaged, counters, absolute, dateAnew; the locals `due`, `flight`, `body`, `tries`, `lease`, `claims`, `node`, `prefix` (of the lease),
-- `deadline`; ARGV[14] = 1 to begin with the oldest in a backlog; ARGV[18] = the most events with no retry left.
-- Gives: take(limit) → ids, due times, retries, bodies (in order of the due times that were written down), the earliest due time left or nil,
-- whether it ended before an event with no retry left.

-- Due events in the order in which they are to be taken, whether each is from the far end, and how many are due at least.
local function choose(limit, earliest)
  local ids, dues, far = {}, {}, {}
  if earliest >= now - 100 then
    local found = call('ZRANGEBYSCORE', due, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, limit + 1)
    for i = 1, math.min(#found / 2, limit) do
      ids[i], dues[i] = found[i * 2 - 1], found[i * 2]
    end
    return ids, dues, far, #found / 2
  end

  local total = call('ZCOUNT', due, '-inf', int(now))
  local n = math.min(total, limit)
  local oldFirst = ARGV[14] == '1'
  local ends = math.ceil(n / 2)
  local old = call('ZRANGE', due, 0, ends - 1, 'WITHSCORES')
  local fresh = call('ZREVRANGEBYSCORE', due, int(now), '-inf', 'WITHSCORES', 'LIMIT', 0, ends)
  for i = 1, n do
    local k = math.ceil(i / 2) * 2
    far[i] = (i % 2 == 1) ~= oldFirst
    local from = far[i] and fresh or old
    ids[i], dues[i] = from[k - 1], from[k]
  end
  return ids, dues, far, total
end

-- How many of the ids have bodies of at most 1 MiB together, without reading them. One always fits.
local function fitting(ids)
  local bytes = 0
  for i, id in ipairs(ids) do
    bytes = bytes + call('HSTRLEN', body, id) - 12
    if i > 1 and bytes > 1048576 then return i - 1 end
  end
  return #ids
end

-- Ends what is taken before the first event, in the order of `chosen`, that is one too many of those with no retry left. Returns whether there is one.
local function cut(chosen, ids, dues, bodies, aheads, retries)
  local index, gone, left, isCut = {}, {}, tonumber(ARGV[18]), false
  for i, id in ipairs(ids) do index[id] = i end
  for _, id in ipairs(chosen) do
    local i = index[id]
    if i and not isCut and (tonumber(retries[i]) or 0) >= tonumber(string.sub(bodies[i], 1, 7)) then
      left = left - 1
      isCut = left < 0
    end
    if i and isCut then gone[i] = true end
  end
  for i = #ids, 1, -1 do
    if gone[i] then
      for _, list in ipairs({ ids, dues, bodies, aheads, retries }) do table.remove(list, i) end
    end
  end
  return isCut
end

local function take(limit)
  local earliest = tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2])
  if not earliest or earliest > now or limit <= 0 then return {}, {}, {}, {}, earliest end

  local chosen, times, far, total = choose(limit, earliest)
  local n = #chosen
  if n * (tonumber(state[5]) or 0) > 1048576 then n = fitting(chosen) end
  local nextDue = earliest
  if total == n then nextDue = tonumber(call('ZRANGE', due, n, n, 'WITHSCORES')[2]) end

  local ids, dues = {}, {}
  for i = 1, n do
    if not far[i] then
      ids[#ids + 1] = chosen[i]
      dues[#dues + 1] = times[i]
    end
  end
  for i = n, 1, -1 do
    if far[i] then
      ids[#ids + 1] = chosen[i]
      dues[#dues + 1] = times[i]
    end
  end

  local bodies = call('HMGET', body, unpack(ids))
  for i = #ids, 1, -1 do
    if not isIntact(bodies[i]) then
      deadLetter(ids[i], node)
      count(DEAD_LETTERED + 4, 1)
      table.remove(ids, i)
      table.remove(dues, i)
      table.remove(bodies, i)
    end
  end
  -- What is dated anew is not taken. More of it may be left than a claim dates anew at once: then it asks again, and comes to what is due behind.
  local aheads = aheadOf(ids)
  if #aheads > 0 and ahead > 0 then
    local early = {}
    for i = #ids, 1, -1 do
      if aheads[i] and dueOf(tonumber(dues[i]), tonumber(aheads[i])) > now then
        early[#early + 1] = ids[i]
        early[#early + 1] = dues[i] - aheads[i]
        table.remove(ids, i)
        table.remove(dues, i)
        table.remove(bodies, i)
        table.remove(aheads, i)
      end
    end
    date(early)
    if #early > 0 then nextDue = tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]) end
  end
  if #ids == 0 then return {}, {}, {}, {}, nextDue end

  local retries = call('EXISTS', tries) == 1 and call('HMGET', tries, unpack(ids)) or {}
  for i = 1, #ids do retries[i] = retries[i] and string.match(retries[i], '^%d+') or '-' end
  local isCut = #ids > tonumber(ARGV[18]) and cut(chosen, ids, dues, bodies, aheads, retries)
  if isCut then nextDue = earliest end
  if #ids == 0 then return {}, {}, {}, {}, nextDue, isCut end

  local held = {}
  for i, id in ipairs(ids) do
    if aheads[i] then
      held[#held + 1] = id
      -- It is due, but was so later than is written down.
      dues[i], aheads[i] = dueOf(tonumber(dues[i]), tonumber(aheads[i]))
      dues[i], aheads[i] = int(dues[i]), int(aheads[i])
    end
  end
  forgetAbsolute(held)
  local ends, records, rest = {}, {}, ' ' .. int(now) .. ' ' .. node
  for i, id in ipairs(ids) do
    local at = i * 2
    ends[at - 1], ends[at] = deadline, id
    records[at - 1] = id
    records[at] = prefix .. retries[i] .. ' ' .. leaseDue(dues[i], aheads[i]) .. ' ' .. int(tonumber(string.sub(bodies[i], 1, 7))) .. rest
  end
  call('ZREM', due, unpack(ids))
  call('ZADD', flight, unpack(ends))
  call('HSET', lease, unpack(records))
  call('HSET', claims, node, cmsgpack.pack(ids))
  return ids, dues, retries, bodies, nextDue, isCut
end
