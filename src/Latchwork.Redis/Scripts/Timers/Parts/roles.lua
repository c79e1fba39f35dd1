-- Who is to claim the earliest event (claimer, armed for a time), and who looks after whether it did (guard, by a time). '' is nobody.
-- Times are in ms. A claimer that is 25 ms late, or a guard 300 ms, is no longer relied on.
-- Wants: layout, clock; the locals `ring`, `turns`, `bell` (what the channels of the nodes' bells begin with).
-- Gives: claimer, armed, guard, by, seq; retire(), ringGuard(at), appoint(at), covers(at), guardIsNeeded(node, at), resign(node, head),
-- wake(due), keepRoles().
local claimer, armed = state[6] or '', tonumber(state[7]) or 0
local guard, by = state[8] or '', tonumber(state[9]) or 0
local seq = tonumber(state[10]) or 0

-- A node that missed its turn by 3 s is silent: it is rung no more, and its role is free.
local function retire()
  local silent = call('ZRANGEBYSCORE', turns, '-inf', '(' .. int(now - 3000), 'LIMIT', 0, 100)
  if #silent == 0 then return end
  call('ZREM', turns, unpack(silent))
  call('ZREM', ring, unpack(silent))
  for _, node in ipairs(silent) do
    if node == claimer then claimer, armed = '', 0 end
    if node == guard then guard, by = '', 0 end
  end
end

-- Rings the next node of the ring but one, puts it at the end, and returns it. A node that does not hear leaves the ring; after 64 of
-- them it gives up. A refusal to publish (an ACL) counts as not heard: it must not end the script half-way.
local function ringNext(role, at, except)
  local message = role .. ' ' .. int(at) .. ' ' .. int(nowUs)
  local asked = 0
  while asked < 64 do
    local reached
    local deaf = {}
    for _, node in ipairs(call('ZRANGE', ring, 0, 3)) do
      if node ~= except then
        asked = asked + 1
        local heard = redis.pcall('PUBLISH', bell .. node, message)
        if type(heard) == 'number' and heard > 0 then
          reached = node
          break
        end
        deaf[#deaf + 1] = node
      end
    end
    if #deaf > 0 then call('ZREM', ring, unpack(deaf)) end
    if reached then
      seq = seq + 1
      call('ZADD', ring, seq, reached)
      return reached
    end
    if #deaf == 0 then break end
  end
  return ''
end

-- The guard draws its grace of 50 to 200 ms itself when it hears the bell.
local function ringGuard(at)
  guard = ringNext('g', at, claimer)
  by = guard == '' and 0 or at + 200
end

local function dropLateClaimer()
  if claimer ~= '' and armed < now - 25 then call('ZREM', ring, claimer) end
end

local function appoint(at)
  dropLateClaimer()
  guard, by = '', 0
  claimer = ringNext('c', at, '')
  armed = claimer == '' and 0 or at
  if claimer ~= '' then ringGuard(at) end
end

local function covers(at)
  return claimer ~= '' and armed <= at and armed >= now - 25
end

local function guardIsNeeded(node, at)
  return guard == '' or guard == node or by < now - 300 or by > at + 200
end

-- The node gives up its role, if it has one, and another is rung.
local function resign(node, head)
  local wasGuard = guard == node
  if wasGuard then guard, by = '', 0 end
  if claimer == node then claimer, armed = '', 0 end
  if not head then return end
  local at = math.max(head, now)
  if not covers(at) then
    appoint(at)
  elseif wasGuard then
    ringGuard(at)
  end
end

-- Something was scheduled: rings if it is due earlier than the claimer knows, or if nobody can be relied on.
local function wake(earliest)
  local at = math.max(earliest, now)
  if claimer ~= '' and armed <= at and (armed >= now - 25 or (guard ~= '' and by >= now - 300)) then return end
  if call('EXISTS', ring) == 0 then return end
  retire()
  appoint(at)
end

local function keepRoles()
  if claimer ~= (state[6] or '') then change('claimer', claimer) end
  if armed ~= (tonumber(state[7]) or 0) then change('armed', int(armed)) end
  if guard ~= (state[8] or '') then change('guard', guard) end
  if by ~= (tonumber(state[9]) or 0) then change('by', int(by)) end
  if seq ~= (tonumber(state[10]) or 0) then change('seq', int(seq)) end
end
