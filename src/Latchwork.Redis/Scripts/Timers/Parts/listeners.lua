-- The list of nodes, the poll slots, and what a node that asked is to do next.
-- A node is stored as "<last seen in µs> <poll slot in ms> <1 if full> <held> <token of its last claim>".
-- Wants: layout, clock, roles; the locals `node`, `token`, `held`, `nodes`, `claims`, `pollslots`, `rotation`, `due`; ARGV[13] = grace of a backup
-- in ms; ARGV[15] = 1 if the node lets others go first.
-- Gives: meet() → its pollSlot, the token of its last claim; arm(pollSlot, claimed, capacity left, head) → ask again in µs.
local function meet()
  local record = call('HGET', nodes, node)
  if not record then return 0, nil end
  local pollSlot, last = string.match(record, '^%d+ (%d+) %d %d+ (.*)$')
  return tonumber(pollSlot), last
end

-- Once a minute at most, a piece of the list: whoever was silent for an hour is forgotten.
local function forget()
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
  forget()
  call('ZREM', pollslots, node)
  local latest = tonumber(call('ZREVRANGE', pollslots, 0, 0, 'WITHSCORES')[2]) or 0
  pollSlot = math.min(math.max(now, latest) + spacing, now + (call('ZCARD', pollslots) + 1) * spacing)
  call('ZADD', pollslots, pollSlot, node)
  return pollSlot
end

local function waitUntil(at)
  return math.max(0, at * 1000 - nowUs)
end

-- A primary waker that claims something after a turn of 32 ms passes its role on. A head that is nearer than 2 ms would be late if another had to
-- hear of it first: then only after eight turns.
local function hadItsTurn(claimed, head)
  return claimed > 0 and primary == node and now - since >= (head - now < 2 and 256 or 32)
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

local function becomePrimary(at)
  if primary ~= node then
    dropLatePrimary()
    since = now
  end
  primary, armed = node, at
  if backupIsNeeded(node, at) then notifyBackup(at) end
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

local function arm(pollSlot, claimed, capacityLeft, head)
  retire()
  pollSlot = takePollSlot(pollSlot)
  call('HSET', nodes, node, int(nowUs) .. ' ' .. int(pollSlot) .. (capacityLeft <= 0 and ' 1 ' or ' 0 ') .. int(held + claimed) .. ' ' .. token)
  if capacityLeft <= 0 then
    call('ZREM', rotation, node)
    resign(node, head)
    return waitUntil(pollSlot)
  end

  -- Whoever has claimed something goes to the end of the rotation.
  if claimed > 0 then
    seq = seq + 1
    call('ZADD', rotation, seq, node)
  elseif call('ZADD', rotation, 'NX', seq + 1, node) == 1 then
    seq = seq + 1
  end
  if not head then
    primary, armed, backup, by = '', 0, '', 0
    return waitUntil(pollSlot)
  end

  if head <= now and spread(claimed) then return 30000 end
  local at = math.max(head, now)
  local covered = primary ~= node and covers(at)
  local wakeAt = pollSlot
  if covered then
    if backupIsNeeded(node, at) then wakeAt = becomeBackup(at) end
  elseif head > now and hadItsTurn(claimed, head) then
    wakeAt = passOn(at)
  else
    wakeAt = becomePrimary(at)
  end
  if head <= now then return 0 end
  return waitUntil(math.min(wakeAt, pollSlot))
end
