-- A partition: its layout, its clock, its counters, and who is woken for what is due. A script on a partition begins with
--   local refusal = openPartition()
--   if refusal then return refusal end
-- and, if it asks for the time, readClock(). The keys are known by their names: a script declares those that the functions which it calls touch.
-- Wants: the local `meta`; ARGV[1] = the time in µs, or empty for the server's clock; ARGV[2] = format, ARGV[3] = number of partitions; of a script
-- that wakes ARGV[4] = what the channels of the nodes' notifications begin with.
-- Gives: call, int(n), timeUs();
--   openPartition(true in a script of a move), state, fresh, change(field of `meta`, value), noteLargest(length), free(), finish();
--   readClock(), nowUs, now, rawNow, offsetUs, ahead, dueAt(text), dueOf(score, how far it is ahead of an absolute time);
--   POSTED and the other names of what is counted, count(which, how many), lastNoted(), keepCounts(ms), readCounters();
--   head(), wake(due in ms); and for scripts that do more with the roles readRoles(), what it reads, keepRoles(), retire(), notifyNext(…), notifyBackup(at),
--   dropLatePrimary(), appoint(at), covers(at), resign(node, due in ms or nil).
local call = redis.call

-- `..` and tostring() would write 1763760000000000 as 1.76376e+15. (A number that is passed to call() is written in full; but by Redis
-- 7.2.0 to 7.2.4 not if it ends with eight zeros.)
local function int(n)
  return string.format('%.0f', n)
end

-- The time in µs, as the server or the arguments have it.
local function timeUs()
  local given = tonumber(ARGV[1])
  if given then return given end
  local t = call('TIME')
  return t[1] * 1000000 + t[2]
end

-- LAYOUT. `meta` is read once, into `state`, and written once, by finish: what change() was given. In `state`: 1 format, 2 partitions, 3 last (the time that was noted last, in
-- µs), 4 offset, 5 big (see noteLargest), 6 primary, 7 armed, 8 backup, 9 by, 10 seq, 11 seal, 12 since, 13 pause, 14 absolute (see events). (Names of these numbers would be
-- variables, and those that functions of Lua share cost time at each call.)
local state, fresh -- fresh: the partition was never written
local changes = {}

-- Refuses to touch a partition whose layout it does not know, before anything is written; and a namespace that is being moved, or was moved, to another store, unless the
-- script is one of a move. Returns the refusal.
local function openPartition(isMove)
  state = call('HMGET', meta, 'format', 'partitions', 'last', 'offset', 'big', 'primary', 'armed', 'backup', 'by', 'seq', 'seal', 'since', 'pause', 'absolute')
  fresh = not state[1]
  if not fresh and (state[1] ~= ARGV[2] or state[2] ~= ARGV[3]) then
    return redis.error_reply('LWLAYOUT format=' .. state[1] .. ' partitions=' .. (state[2] or '?'))
  end
  if not isMove and state[11] and state[11] ~= '' then return redis.error_reply('LWSEALED ' .. state[11]) end
end

local function change(field, value)
  changes[#changes + 1] = field
  changes[#changes + 1] = value
end

-- The length of the largest body there ever was: a script that reads many knows by it whether they are too much for one reply.
local function noteLargest(length)
  if tonumber(length) > (tonumber(state[5]) or 0) then change('big', length) end
end

-- The first write of every script but post. At its memory limit Redis refuses a script's command that takes memory only as long as the
-- script has written nothing: this deletes a field that never exists, and what follows may free first and take afterwards. (The flag
-- allow-oom would need Redis 7.) Also, a server that accepts no writes at all says so here, before anything has changed.
local function free()
  call('HDEL', meta, '')
end

-- The end of every script that writes: the layout if it is new, and what changed in `meta`, in one write.
local function finish()
  if fresh then
    change('format', ARGV[2])
    change('partitions', ARGV[3])
  end
  if #changes > 0 then call('HSET', meta, unpack(changes)) end
end

-- CLOCK. It never goes back. If the server's clock does (a failover), the difference becomes an offset from then on.
-- now: whole milliseconds, rounded down; rawNow: the same by the server's clock; offsetUs: by how much the server's clock has gone back in all;
-- ahead: that in milliseconds, rounded up.
local nowUs, now, rawNow, offsetUs, ahead

local function readClock()
  local last = tonumber(state[3]) or 0
  offsetUs = tonumber(state[4]) or 0
  nowUs = timeUs() + offsetUs
  if nowUs < last then
    offsetUs = offsetUs + last - nowUs
    change('offset', int(offsetUs))
    nowUs = last
  elseif nowUs - last >= 50000 then
    -- Not at every step: one write of `meta` in 50 ms is enough to notice a clock that goes back.
    change('last', int(nowUs))
  end
  now = math.floor(nowUs / 1000)
  rawNow = math.floor((nowUs - offsetUs) / 1000)
  ahead = math.ceil(offsetUs / 1000)
end

-- A due time in milliseconds, rounded up, and of an absolute one how far that is ahead of the server's clock (see events). The text is a delay in µs, or an
-- absolute time in µs below zero; a passed time means now.
local function dueAt(text)
  local n = tonumber(text)
  if n >= 0 then return math.ceil((nowUs + n) / 1000) end
  local raw = math.ceil(-n / 1000)
  local at = math.max(raw + ahead, now)
  return at, at - raw
end

-- When an event is due, and how far that is ahead of an absolute time (nil for a delay), both as they are by now: never before the server's clock has reached an
-- absolute time, whatever the offset was when that was written down.
local function dueOf(at, was)
  if not was then return at end
  local aheadBy = math.max(was, ahead)
  return at - was + aheadBy, aheadBy
end

-- COUNTERS. What happens to events is counted, by the script that does it. In `counters`: 'now' → the minute (since 1970) in which something was last counted, 13 counts of that
-- minute, 13 of the other minutes of its hour; 'base' → 13 counts of all before that hour; 'm' and a minute modulo 60, 'h' and an hour modulo 48 → its number and 13 counts, once it
-- is over. All in binary. It is read once and written once a script, after what frees, and however much is counted. See CounterRing, which is the same in C#.
local POSTED, REPLACED, CANCELLED, DELIVERED, CONFIRMED, FAILED, HANDED_BACK, EXPIRED, DEAD_LETTERED = 1, 2, 3, 4, 5, 6, 7, 8, 9 -- and its reason is added to the last
local SLOT = '<I4I4I4I4I4I4I4I4I4I4I4I4I4I4'
local NOW = '<I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4'
local BASE = '<ddddddddddddd'
local counted

local function count(which, n)
  if n == 0 then return end
  counted = counted or { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  counted[which] = counted[which] + n
end

-- The time in ms for scripts that do not ask for it: what they count belongs to the minute in which the partition last noted its time.
local function lastNoted()
  local given, last = tonumber(ARGV[1]), tonumber(state[3]) or 0
  return math.max(given and given + (tonumber(state[4]) or 0) or 0, last) / 1000
end

-- A record that somebody else's hand changed is begun anew: nothing may fail here, as something was written already.
local function unpackCounts(format, length, stored, first)
  if stored and #stored == length then return { struct.unpack(format, stored) } end
  local none = { first }
  for i = #none + 1, length / 4 do none[i] = 0 end
  return none
end

-- Begins a minute: the one before is over, and perhaps its hour.
local function beginMinute(v, minute, base, fields)
  local put = function(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  put('m' .. v[1] % 60, struct.pack(SLOT, unpack(v, 1, 14)))
  for i = 2, 14 do
    v[i + 13] = v[i + 13] + v[i]
    v[i] = 0
  end
  local hour = math.floor(v[1] / 60)
  if hour < math.floor(minute / 60) then
    put('h' .. hour % 48, struct.pack(SLOT, hour, unpack(v, 15, 27)))
    for i = 1, 13 do
      base[i] = base[i] + v[i + 14]
      v[i + 14] = 0
    end
    put('base', struct.pack(BASE, unpack(base, 1, 13)))
  end
  v[1] = minute
end

-- Writes what was counted, if anything was.
local function keepCounts(at)
  if not counted then return end
  local minute = math.floor(at / 60000)
  local found = call('HMGET', counters, 'now', 'base')
  local v, fields = unpackCounts(NOW, 108, found[1], minute), {}
  if v[1] < minute then beginMinute(v, minute, unpackCounts(BASE, 104, found[2]), fields) end
  for i = 1, 13 do v[i + 1] = v[i + 1] + counted[i] end
  fields[#fields + 1] = 'now'
  fields[#fields + 1] = struct.pack(NOW, unpack(v, 1, 27))
  call('HSET', counters, unpack(fields))
end

-- Field, value… of those that there are.
local function readCounters()
  local names, found = { 'now', 'base' }, {}
  for i = 0, 59 do names[#names + 1] = 'm' .. i end
  for i = 0, 47 do names[#names + 1] = 'h' .. i end
  for i, value in ipairs(call('HMGET', counters, unpack(names))) do
    if value then
      found[#found + 1] = names[i]
      found[#found + 1] = value
    end
  end
  return found
end

-- WAKING. Who is to claim the earliest event (primary, armed for a time), and who looks after whether it did (backup, by a time). '' is nobody. Times are in ms. A primary waker
-- that is 25 ms late, or a backup waker 300 ms, is no longer relied on. In `rotation` are those who can take something, in the order of their turns; in `pollslots` when each asks next.
local primary, armed, since -- since: when the turn of the primary waker began
local backup, by
local seq
local pause -- '' if the partition is not paused: then nobody is notified of what is due, and there is no head

local function readRoles()
  primary, armed, since = state[6] or '', tonumber(state[7]) or 0, tonumber(state[12]) or 0
  backup, by = state[8] or '', tonumber(state[9]) or 0
  seq, pause = tonumber(state[10]) or 0, state[13] or ''
end

local function keepRoles()
  if primary ~= (state[6] or '') then change('primary', primary) end
  if since ~= (tonumber(state[12]) or 0) then change('since', int(since)) end
  if armed ~= (tonumber(state[7]) or 0) then change('armed', int(armed)) end
  if backup ~= (state[8] or '') then change('backup', backup) end
  if by ~= (tonumber(state[9]) or 0) then change('by', int(by)) end
  if seq ~= (tonumber(state[10]) or 0) then change('seq', int(seq)) end
end

-- The time in ms of the earliest event or end of a lease, or nil.
local function head()
  local a = tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2])
  local b = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2])
  if a and b then return math.min(a, b) end
  return a or b
end

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
        local heard = redis.pcall('PUBLISH', ARGV[4] .. node, message)
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

-- The node gives up its role, if it has one, and another is notified.
local function resign(node, earliest)
  local wasBackup = backup == node
  if wasBackup then backup, by = '', 0 end
  if primary == node then primary, armed = '', 0 end
  if not earliest or pause ~= '' then return end
  local at = math.max(earliest, now)
  if not covers(at) then
    appoint(at)
  elseif wasBackup then
    notifyBackup(at)
  end
end

-- Something was scheduled: notifies if it is due earlier than the primary waker knows, or if nobody can be relied on.
local function wake(earliest)
  readRoles()
  if pause ~= '' then return end
  local at = math.max(earliest, now)
  if primary ~= '' and armed <= at and (armed >= now - 25 or (backup ~= '' and by >= now - 300)) then return end
  if call('EXISTS', rotation) == 0 then return end
  retire()
  appoint(at)
  keepRoles()
end
