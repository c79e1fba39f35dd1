-- The list of nodes, the poll slots, and what a node that asked is to do next.
-- A node is stored as "<last seen in µs> <poll slot in ms> <1 if full> <held> <token of its last claim>".
-- Wants: layout, clock, roles; the locals `node`, `token`, `held`, `nodes`, `claims`, `pollslots`, `rotation`; ARGV[13] = grace of a backup in ms.
-- Gives: meet() → its pollSlot, the token of its last claim; arm(pollSlot, capacity left, head) → ask again in µs.
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
local pause = math.floor(1000 * math.max(1, tonumber(ARGV[3]) / 16))

-- A poll slot to come is kept; else the one after all others, but none further away than as if all had just asked.
local function takePollSlot(pollSlot)
  if pollSlot > now then return pollSlot end
  forget()
  call('ZREM', pollslots, node)
  local latest = tonumber(call('ZREVRANGE', pollslots, 0, 0, 'WITHSCORES')[2]) or 0
  pollSlot = math.min(math.max(now, latest) + pause, now + (call('ZCARD', pollslots) + 1) * pause)
  call('ZADD', pollslots, pollSlot, node)
  return pollSlot
end

local function waitUntil(at)
  return math.max(0, at * 1000 - nowUs)
end

local function arm(pollSlot, capacityLeft, head)
  retire()
  pollSlot = takePollSlot(pollSlot)
  call('HSET', nodes, node, int(nowUs) .. ' ' .. int(pollSlot) .. (capacityLeft <= 0 and ' 1 ' or ' 0 ') .. held .. ' ' .. token)
  if capacityLeft <= 0 then
    call('ZREM', rotation, node)
    resign(node, head)
    return waitUntil(pollSlot)
  end

  if call('ZADD', rotation, 'NX', seq + 1, node) == 1 then seq = seq + 1 end
  if not head then
    primary, armed, backup, by = '', 0, '', 0
    return waitUntil(pollSlot)
  end

  local at = math.max(head, now)
  local wakeAt = pollSlot
  if primary ~= node and covers(at) then
    if backupIsNeeded(node, at) then
      backup, by = node, at + tonumber(ARGV[13])
      wakeAt = by
    end
  else
    if primary ~= node then dropLatePrimary() end
    primary, armed = node, at
    if backupIsNeeded(node, at) then notifyBackup(at) end
    wakeAt = at
  end
  if head <= now then return 0 end
  return waitUntil(math.min(wakeAt, pollSlot))
end
