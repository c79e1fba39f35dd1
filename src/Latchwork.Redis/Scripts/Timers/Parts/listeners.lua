-- The list of nodes, the turns, and what a node that asked is to do next.
-- A node is stored as "<last seen in µs> <turn in ms> <1 if full> <held> <token of its last claim>".
-- Wants: layout, clock, roles; the locals `node`, `token`, `held`, `nodes`, `claims`, `turns`, `ring`; ARGV[13] = grace of a guard in ms.
-- Gives: meet() → its turn, the token of its last claim; arm(turn, room left, head) → ask again in µs.
local function meet()
  local record = call('HGET', nodes, node)
  if not record then return 0, nil end
  local turn, last = string.match(record, '^%d+ (%d+) %d %d+ (.*)$')
  return tonumber(turn), last
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
    call('ZREM', turns, unpack(old))
    call('ZREM', ring, unpack(old))
  end
  change('swept', int(now))
  change('scan', piece[1])
end

-- How far turns are apart, in ms: a second; with more than 16 partitions further, so that all of them together cost 16 looks a second.
local pause = math.floor(1000 * math.max(1, tonumber(ARGV[3]) / 16))

-- A turn to come is kept; else the one after all others, but none further away than as if all had just asked.
local function takeTurn(turn)
  if turn > now then return turn end
  forget()
  call('ZREM', turns, node)
  local latest = tonumber(call('ZREVRANGE', turns, 0, 0, 'WITHSCORES')[2]) or 0
  turn = math.min(math.max(now, latest) + pause, now + (call('ZCARD', turns) + 1) * pause)
  call('ZADD', turns, turn, node)
  return turn
end

local function waitUntil(at)
  return math.max(0, at * 1000 - nowUs)
end

local function arm(turn, roomLeft, head)
  retire()
  turn = takeTurn(turn)
  call('HSET', nodes, node, int(nowUs) .. ' ' .. int(turn) .. (roomLeft <= 0 and ' 1 ' or ' 0 ') .. held .. ' ' .. token)
  if roomLeft <= 0 then
    call('ZREM', ring, node)
    resign(node, head)
    return waitUntil(turn)
  end

  if call('ZADD', ring, 'NX', seq + 1, node) == 1 then seq = seq + 1 end
  if not head then
    claimer, armed, guard, by = '', 0, '', 0
    return waitUntil(turn)
  end

  local at = math.max(head, now)
  local wakeAt = turn
  if claimer ~= node and covers(at) then
    if guardIsNeeded(node, at) then
      guard, by = node, at + tonumber(ARGV[13])
      wakeAt = by
    end
  else
    if claimer ~= node then dropLateClaimer() end
    claimer, armed = node, at
    if guardIsNeeded(node, at) then ringGuard(at) end
    wakeAt = at
  end
  if head <= now then return 0 end
  return waitUntil(math.min(wakeAt, turn))
end
