-- Who is to claim the earliest event (primary, armed for a time), and who looks after whether it did (backup, by a time). '' is nobody.
-- Times are in ms. A primary waker that is 25 ms late, or a backup waker 300 ms, is no longer relied on.
-- Wants: layout, clock; the locals `rotation`, `pollslots`, `channel` (what the channels of the nodes' notifications begin with).
-- Gives: primary, armed, backup, by, seq, since; pause ('' if the partition is not paused: then nobody is notified of what is due, and
-- there is no head); retire(), notifyNext(message kind, at, but, but, 1 if the node keeps its place), notifyBackup(at), appoint(at), covers(at), backupIsNeeded(node, at), resign(node, head),
-- wake(due), keepRoles().
local primary, armed = state[6] or '', tonumber(state[7]) or 0
local backup, by = state[8] or '', tonumber(state[9]) or 0
local seq = tonumber(state[10]) or 0
local since = tonumber(state[12]) or 0 -- when the turn of the primary waker began
local pause = state[13] or ''

-- A node that missed its poll slot by 3 s is silent: it is notified no more, and its role is free.
local function retire()
  local silent = call('ZRANGEBYSCORE', pollslots, '-inf', '(' .. int(now - 3000), 'LIMIT', 0, 100)
  if #silent == 0 then return end
  call('ZREM', pollslots, unpack(silent))
  call('ZREM', rotation, unpack(silent))
  for _, node in ipairs(silent) do
    if node == primary then primary, armed = '', 0 end
    if node == backup then backup, by = '', 0 end
  end
end

-- Notifies the next node of the rotation but two, puts it at the end unless it keeps its place, and returns it. A node that does not hear leaves
-- the rotation; after 64 of them it gives up. A refusal to publish (an ACL) counts as not heard: it must not end the script half-way.
-- `order` may put the ids of the next few nodes in another order first.
local function notifyNext(role, at, except, alsoExcept, keepsPlace, order)
  local message = role .. ' ' .. int(at) .. ' ' .. int(nowUs)
  local asked = 0
  while asked < 64 do
    local reached
    local unsubscribed = {}
    local following = call('ZRANGE', rotation, 0, 5)
    if order then order(following) end
    for _, node in ipairs(following) do
      if node ~= except and node ~= alsoExcept then
        asked = asked + 1
        local heard = redis.pcall('PUBLISH', channel .. node, message)
        if type(heard) == 'number' and heard > 0 then
          reached = node
          break
        end
        unsubscribed[#unsubscribed + 1] = node
      end
    end
    if #unsubscribed > 0 then call('ZREM', rotation, unpack(unsubscribed)) end
    if reached then
      if not keepsPlace then
        seq = seq + 1
        call('ZADD', rotation, seq, reached)
      end
      return reached
    end
    if #unsubscribed == 0 then break end
  end
  return ''
end

-- The backup waker draws its grace of 50 to 200 ms itself when it receives the notification. It keeps its place: the next head is its.
local function notifyBackup(at)
  backup = notifyNext('g', at, primary, nil, true)
  by = backup == '' and 0 or at + 200
end

local function dropLatePrimary()
  if primary ~= '' and armed < now - 25 then call('ZREM', rotation, primary) end
end

local function appoint(at)
  dropLatePrimary()
  backup, by = '', 0
  primary = notifyNext('c', at, '')
  since = now
  armed = primary == '' and 0 or at
  if primary ~= '' then notifyBackup(at) end
end

local function covers(at)
  return primary ~= '' and armed <= at and armed >= now - 25
end

local function backupIsNeeded(node, at)
  return backup == '' or backup == node or by < now - 300 or by > at + 200
end

-- The node gives up its role, if it has one, and another is notified.
local function resign(node, head)
  local wasBackup = backup == node
  if wasBackup then backup, by = '', 0 end
  if primary == node then primary, armed = '', 0 end
  if not head or pause ~= '' then return end
  local at = math.max(head, now)
  if not covers(at) then
    appoint(at)
  elseif wasBackup then
    notifyBackup(at)
  end
end

-- Something was scheduled: notifies if it is due earlier than the primary waker knows, or if nobody can be relied on.
local function wake(earliest)
  if pause ~= '' then return end
  local at = math.max(earliest, now)
  if primary ~= '' and armed <= at and (armed >= now - 25 or (backup ~= '' and by >= now - 300)) then return end
  if call('EXISTS', rotation) == 0 then return end
  retire()
  appoint(at)
end

local function keepRoles()
  if primary ~= (state[6] or '') then change('primary', primary) end
  if since ~= (tonumber(state[12]) or 0) then change('since', int(since)) end
  if armed ~= (tonumber(state[7]) or 0) then change('armed', int(armed)) end
  if backup ~= (state[8] or '') then change('backup', backup) end
  if by ~= (tonumber(state[9]) or 0) then change('by', int(by)) end
  if seq ~= (tonumber(state[10]) or 0) then change('seq', int(seq)) end
end
