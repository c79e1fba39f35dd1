-- Takes back events whose lease ran out, moves due events in flight, and says when to ask again.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, completed, completedids, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 node, 6 token, 7 the most events, 8 capacity, 9 held, 10 lease in µs, 11 how long the dead
-- are kept in ms, 12 how many of them, 13 grace of a backup waker in ms, 14 1 to begin with the oldest in a backlog, 15 1 to let others go first, 16 how
-- long completed events are kept in ms (0: the history is not touched), 17 how many of them, 18 the most events with no retry left.
-- Returns {ask again in µs, now in µs, 1 if the partition is new, how many died of an expired lease, its pause or '', {those of them that were
-- occurrences of schedules}, offset of the clock in µs, 1 if it ended before an event with no retry left; for each event: id, due, retries, body, when it was claimed first in µs or
-- '' (see events)}.
local meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, completed, completedids, counters, absolute = unpack(KEYS)
-- @include partition
-- @include events
local node, token = ARGV[5], ARGV[6]
local most, capacity, heldBefore = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

-- WHO LISTENS: the list of nodes, the poll slots, and what a node that asked is to do next.

-- A node is stored as "<last seen in µs> <poll slot in ms> <1 if full> <held> <token of its last claim>". Returns its poll slot, and that token.
local function meet()
  local record = call('HGET', nodes, node)
  if not record then return 0, nil end
  local pollSlot, last = string.match(record, '^%d+ (%d+) %d %d+ (.*)$')
  return tonumber(pollSlot), last
end

-- Once a minute at most, a piece of the list: whoever was silent for an hour is forgotten.
local function forgetSilent()
  local swept = call('HMGET', meta, 'swept', 'scan')
  if now - (tonumber(swept[1]) or 0) < 60000 then return end
  local piece = call('HSCAN', nodes, swept[2] or '0', 'COUNT', 100)
  local old = {}
  for i = 1, #piece[2], 2 do
    local seen = tonumber(string.match(piece[2][i + 1], '^%d+'))
    -- The asking node's record is still that of its last claim: it is not forgotten, and nor is what it has just claimed.
    if nowUs - seen > 3600000000 and piece[2][i] ~= node and #old < 4000 then old[#old + 1] = piece[2][i] end
  end
  if #old > 0 then
    call('HDEL', nodes, unpack(old))
    call('HDEL', claims, unpack(old))
    call('ZREM', pollslots, unpack(old))
    call('ZREM', rotation, unpack(old))
  end
  change('swept', int(now))
  change('scan', piece[1])
end

-- How far poll slots are apart, in ms: a second; with more than 16 partitions further, so that all of them together cost 16 looks a second.
local spacing = math.floor(1000 * math.max(1, tonumber(ARGV[3]) / 16))

-- A poll slot to come is kept; else the one after all others, but none further away than as if all had just asked.
local function takePollSlot(pollSlot)
  if pollSlot > now then return pollSlot end
  forgetSilent()
  call('ZREM', pollslots, node)
  local latest = tonumber(call('ZREVRANGE', pollslots, 0, 0, 'WITHSCORES')[2]) or 0
  pollSlot = math.min(math.max(now, latest) + spacing, now + (call('ZCARD', pollslots) + 1) * spacing)
  call('ZADD', pollslots, pollSlot, node)
  return pollSlot
end

local function waitUntil(at)
  return math.max(0, at * 1000 - nowUs)
end

-- A primary waker that claims something after a turn of 32 ms passes its role on. An event that is nearer than 2 ms would be late if another had to
-- hear of it first: then only after eight turns.
local function hadItsTurn(claimed, earliest)
  return claimed > 0 and primary == node and now - since >= (earliest - now < 2 and 256 or 32)
end

-- More is due than the node took: two others are notified, if an event occupies it for long and those who were notified the last time have come.
-- Returns whether it is to wait for them: not if so much is due that everybody has enough to do.
local function spread(claimed)
  local othersCame = primary == '' or primary == node or armed >= now - 25
  if ARGV[15] ~= '1' or not othersCame then return false end

  -- First those who held least when they last asked; of equals those who were not notified for longest.
  local function leastHeldFirst(following)
    local place = {}
    for i, record in ipairs(call('HMGET', nodes, unpack(following))) do
      place[following[i]] = (tonumber(string.match(record or '', '^%d+ %d+ %d (%d+)')) or 0) * 8 + i
    end
    table.sort(following, function(a, b) return place[a] < place[b] end)
  end

  local first = notifyNext('c', now, node, nil, nil, leastHeldFirst)
  if first == '' then return false end
  primary, armed, since = first, now, now
  backup = notifyNext('c', now, node, first, nil, leastHeldFirst)
  by = backup == '' and 0 or now
  return call('ZCOUNT', due, '-inf', int(now)) <= math.min((call('ZCARD', rotation) - 1) * math.max(1, claimed) * 8, 1000)
end

local function backupIsNeeded(at)
  return backup == '' or backup == node or by < now - 300 or by > at + 200
end

local function becomePrimary(at)
  if primary ~= node then
    dropLatePrimary()
    since = now
  end
  primary, armed = node, at
  if backupIsNeeded(at) then notifyBackup(at) end
  return at
end

local function becomeBackup(at)
  backup, by = node, at + tonumber(ARGV[13])
  return by
end

local function passOn(at)
  if primary ~= node then dropLatePrimary() end
  local following = notifyNext('c', at, node)
  if following == '' then return becomePrimary(at) end
  primary, armed, since = following, at, now
  return becomeBackup(at)
end

-- What the node is to do next. `pollSlot` is what meet said, `claimed` how many events it got, `earliest` the time in ms of what is to be done next, or nil.
-- Returns when it is to ask again, in µs.
local function arm(pollSlot, claimed, capacityLeft, earliest)
  retire()
  pollSlot = takePollSlot(pollSlot)
  call('HSET', nodes, node, int(nowUs) .. ' ' .. int(pollSlot) .. (capacityLeft <= 0 and ' 1 ' or ' 0 ') .. int(heldBefore + claimed) .. ' ' .. token)
  if capacityLeft <= 0 then
    call('ZREM', rotation, node)
    resign(node, earliest)
    return waitUntil(pollSlot)
  end

  -- Whoever has claimed something goes to the end of the rotation.
  if claimed > 0 then
    seq = seq + 1
    call('ZADD', rotation, seq, node)
  elseif call('ZADD', rotation, 'NX', seq + 1, node) == 1 then
    seq = seq + 1
  end
  if not earliest then
    primary, armed, backup, by = '', 0, '', 0
    return waitUntil(pollSlot)
  end

  if earliest <= now and spread(claimed) then return 30000 end
  local at = math.max(earliest, now)
  local covered = primary ~= node and covers(at)
  local wakeAt = pollSlot
  if covered then
    if backupIsNeeded(at) then wakeAt = becomeBackup(at) end
  elseif earliest > now and hadItsTurn(claimed, earliest) then
    wakeAt = passOn(at)
  else
    wakeAt = becomePrimary(at)
  end
  if earliest <= now then return 0 end
  return waitUntil(math.min(wakeAt, pollSlot))
end

-- WHAT IT TAKES

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
  local late = call('ZREVRANGEBYSCORE', due, int(now), '-inf', 'WITHSCORES', 'LIMIT', 0, ends)
  for i = 1, n do
    local k = math.ceil(i / 2) * 2
    far[i] = (i % 2 == 1) ~= oldFirst
    local from = far[i] and late or old
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

-- The lists in the order of due times, and of what is due at the same time as they are.
local function inOrderOf(times, ...)
  local order = {}
  for i = 1, #times do order[i] = i end
  table.sort(order, function(a, b)
    local one, other = tonumber(times[a]), tonumber(times[b])
    if one == other then return a < b end
    return one < other
  end)
  local lists = { ... }
  for k, list in ipairs(lists) do
    local sorted = {}
    for i, from in ipairs(order) do sorted[i] = list[from] end
    lists[k] = sorted
  end
  return unpack(lists)
end

-- Moves due events in flight: those that are longest due; in a backlog in turn the one that is longest due and the one that fell due last. What cannot be
-- read, because somebody else's hand changed it, is dead-lettered instead, and keeps nobody else from coming.
-- Returns ids, due times, retries, bodies (in order of the due times), the earliest due time left or nil, whether it ended before an event with no
-- retry left.
local function take(limit, prefix, deadline)
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

  local dated = {}
  for i, id in ipairs(ids) do
    if aheads[i] then
      dated[#dated + 1] = id
      -- It is due, but was so later than is written down.
      dues[i], aheads[i] = dueOf(tonumber(dues[i]), tonumber(aheads[i]))
      dues[i], aheads[i] = int(dues[i]), int(aheads[i])
    end
  end
  forgetAbsolute(dated)
  if #dated > 0 and ahead > 0 then ids, dues, aheads, retries, bodies = inOrderOf(dues, ids, dues, aheads, retries, bodies) end
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

-- The reply to a claim was lost: the same events once more, in the same order, as far as they are still its own. Returns ids, due times, retries, bodies.
local function renew(prefix, deadline)
  local ids, ends, records = {}, {}, {}
  local stored = call('HGET', claims, node)
  local given = stored and cmsgpack.unpack(stored) or {}
  if #given > 0 then
    for i, record in ipairs(call('HMGET', lease, unpack(given))) do
      if record and string.sub(record, 1, #prefix) == prefix then
        ids[#ids + 1] = given[i]
        records[#records + 1] = record
        ends[#ends + 1] = deadline
        ends[#ends + 1] = given[i]
      end
    end
  end
  if #ids == 0 then return {}, {}, {}, {} end
  call('ZADD', flight, 'GT', unpack(ends))
  local dues, retries = {}, {}
  for i, record in ipairs(records) do
    local _, spent, at, _, _, _, was = readLease(record)
    dues[i], retries[i] = int(dueOf(at, was)), spent
  end
  return ids, dues, retries, call('HMGET', body, unpack(ids))
end

local refusal = openPartition()
if refusal then return refusal end
readClock()
readRoles()
free()
dateAnew()
local deadline = math.ceil((nowUs + tonumber(ARGV[10])) / 1000)
local prefix = leasePrefix(token)
local leaseEnd = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2])
local takenBack, died, ended = 0, 0, {}
if leaseEnd and leaseEnd <= now then
  takenBack, died, ended = takeBack(tonumber(ARGV[11]), tonumber(ARGV[12]))
  leaseEnd = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2])
end
-- Time passes, too; but who only looks evicts nothing.
if died == 0 and most > 0 and call('EXISTS', dead) == 1 then trimDead(tonumber(ARGV[11]), tonumber(ARGV[12])) end
if ARGV[16] ~= '0' and most > 0 then trimCompleted(rawNow - ARGV[16], tonumber(ARGV[17]), ahead > 0 and rawNow) end

local pollSlot, lastToken = meet()
local ids, dues, retries, bodies, nextDue, isCut
if lastToken == token then
  ids, dues, retries, bodies = renew(prefix, deadline)
  nextDue = tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2])
  leaseEnd = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2])
else
  ids, dues, retries, bodies, nextDue, isCut = take(pause == '' and math.min(most, capacity, 200 - takenBack) or 0, prefix, deadline)
  if #ids > 0 and (not leaseEnd or deadline < leaseEnd) then leaseEnd = deadline end
end
count(DELIVERED, lastToken == token and 0 or #ids)
count(EXPIRED, takenBack)
count(DEAD_LETTERED + 1, died)
local earliest = nextDue and leaseEnd and math.min(nextDue, leaseEnd) or nextDue or leaseEnd
if pause ~= '' then earliest = nil end

local reply = {
  arm(pollSlot, #ids, isCut and 0 or capacity - #ids, earliest), int(nowUs), fresh and 1 or 0, died, pause, ended, int(offsetUs), isCut and 1 or 0,
}
for i, id in ipairs(ids) do
  local at = i * 5 + 4
  reply[at], reply[at + 1], reply[at + 2], reply[at + 3] = id, dues[i], retries[i] == '-' and '0' or retries[i], bodies[i]
  reply[at + 4] = firstClaim(id, int(nowUs))
end
keepRoles()
keepCounts(now)
finish()
return reply
