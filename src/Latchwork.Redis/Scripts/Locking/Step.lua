-- Does operations of one namespace, each on another key, as if each had come alone.
-- KEYS: 1 seal; then lock and data of each operation.
-- ARGV: 1 time, 2 format, 3 what the name of a channel ends with; then the operations, packed little-endian as below, a publication with its
-- bytes behind it. A nonce is a u8 length and bytes; one that is empty is anybody's.
--   1 acquire: u8 1, f64 lease, f64 lock timeout, f64 the generation that was waited for (-1: none), u8 1 if only the lock will do, nonce,
--     node (the rest)
--   2 renew: u8 2, f64 generation, f64 lease, nonce
--   3 publish: u8 3, f64 generation, f64 how long it is fresh, f64 how long it is handed over, u8 kind, nonce
--   4 release: u8 4, f64 generation (-1: whatever it is), nonce
-- Returns an answer for each operation:
--   acquire: u8 0, f64 generation, u8 1 if it was taken over: granted; u8 1, f64 generation, f64 lease left, f64 age, nonce, node: held;
--     u8 2, f64 generation, f64 age, u8 kind, u8 1 if fresh, and the bytes (behind it, or as the second item of a list): the outcome;
--     u8 3: there is an outcome, but this list gives 1 MiB of bytes already, so that is to be asked for alone
--   others: 1 done (or, of a publication, accepted before); 0 the lock is not that owner's any more
--   any: u8 255 and an error; then nothing was changed
-- All records are read and judged before anything is written. Grants are written first: they are what a full server refuses, each for
-- itself. Everything else takes no more than it frees, and is never refused.
-- @include record
local ACQUIRE, RENEW, PUBLISH, RELEASE = 1, 2, 3, 4
local MESSAGE_UP_TO, room = 4096, 1048576
local names = { KEYS[1] }
for i = 2, #KEYS, 2 do names[i / 2 + 1] = KEYS[i] end
local stored = call('MGET', unpack(names))
local sealed, answers, later, hasWritten = stored[1], {}, {}, false
local isLockOnly, waitedFor, nonce, node, lease, timeout, generation, fresh, hand, kind

local function refuse(text)
  return '\255' .. text
end

local function refuseFull(fault)
  local text = type(fault) == 'table' and fault.err or fault
  if not string.find(text, 'OOM', 1, true) then error(fault, 0) end -- the state of the server, which refuses the first write of all
  return refuse('OOM')
end

local function grant(lock, r)
  local over = r.owned
  r.highest = math.max(r.highest + 1, nowUs)
  r.owned, r.over, r.started, r.expires, r.lease, r.timeout, r.nonce, r.node = true, over, nowUs, nowUs + lease, lease, timeout, nonce, node
  local isGood, fault = pcall(save, lock, r)
  if not isGood then return refuseFull(fault) end
  hasWritten = true
  return pack('<BdB', 0, r.highest, over and 1 or 0)
end

local function acquire(lock, data, r)
  if r.owned and r.nonce == nonce then
    r.expires, r.lease = math.min(nowUs + lease, r.started + r.timeout), lease
    return pack('<BdB', 0, r.highest, r.over and 1 or 0), true
  end
  if sealed then return refuse('LWSEALED ' .. sealed) end
  if not isLockOnly and r.left > 0 and (r.isFresh or (waitedFor >= 0 and r.from >= waitedFor)) then
    if r.apart and room <= 0 then return '\3' end
    local bytes = bytesOf(r, data)
    if bytes then
      if r.apart then room = room - #bytes end
      local head = pack('<BddBB', 2, r.from, nowUs - r.at, r.kind, r.isFresh and 1 or 0)
      return r.apart and { head, bytes } or head .. bytes, r.wentBack
    end
  end
  if not r.owned or nowUs >= r.expires then return grant(lock, r) end
  local isFirst = not r.waited
  r.waited = true
  return pack('<BdddBc0', 1, r.highest, r.expires - nowUs, nowUs - r.started, #r.nonce, r.nonce) .. r.node, isFirst or r.wentBack
end

-- Most operations are of two kinds: a key that has no record is acquired, and its owner, for whom nobody waits, publishes or releases. These need no
-- table, and one pack each. What they do is what the rest of this script would do.
local texts, lifetimes, MOST = {}, {}, 2 ^ 53

local function acquireNew(lock)
  local text = pack('<BBddddddBc0Hc0', ARGV[2], OWNED, nowUs, 0, nowUs, nowUs + lease, lease, timeout, #nonce, nonce, #node, node)
  local isGood, fault = pcall(call, 'SET', lock, text, 'PX', ttl(2 * timeout))
  if not isGood then return refuseFull(fault) end
  hasWritten = true
  return pack('<BdB', 0, nowUs, 0)
end

-- Whether it was one of these; then it is written later.
local function endFirst(i, what, text, bytes)
  local nonceEnd = 51 + (string.byte(text, 51) or 0)
  local low, high = string.byte(text, nonceEnd + 1, nonceEnd + 2)
  if not high or #text ~= nonceEnd + 2 + low + 256 * high then return false end
  local highest, keep, started, expires, length, limit, by = read('<ddddddBc0', text, 3)
  local isOwners = (generation < 0 or highest == generation) and (nonce == '' or by == nonce)
  local isSane = started <= nowUs and expires <= nowUs + length and expires > -MOST and length < MOST and limit < MOST and keep >= 0 and keep < MOST
    and highest >= 0 and highest < MOST
  if not (isOwners and isSane and nowUs < started + limit) then return false end
  if what == RELEASE then
    keep = math.max(keep, nowUs + limit)
    texts[i] = pack('<BBdd', ARGV[2], 0, highest, keep)
  else
    local left = math.max(fresh, hand)
    if #bytes > INLINE_UP_TO then return false end
    keep = math.max(keep, nowUs + math.max(limit, left))
    texts[i] = pack('<BBddddddBBc0', ARGV[2], left > 0 and PUBLISHED + INLINE or PUBLISHED, highest, keep, highest, nowUs, fresh, hand, kind, #by, by)
    if left > 0 then texts[i] = texts[i] .. bytes end
  end
  lifetimes[i] = keep - nowUs
  return true
end

local format = tonumber(ARGV[2])
local argument = 4
for i = 1, #names - 1 do
  local operation, text, bytes = ARGV[argument], stored[i + 1], nil
  local lock, data = names[i + 1], KEYS[2 * i + 1]
  local what, r, fault = string.byte(operation), nil, nil
  argument = argument + 1
  if what == PUBLISH then
    bytes = ARGV[argument]
    argument = argument + 1
  end
  if what == ACQUIRE then
    local only, rest
    lease, timeout, waitedFor, only, nonce, rest = read('<dddBBc0', operation, 2)
    isLockOnly, node = only == 1, string.sub(operation, rest)
  elseif what == RENEW then
    generation, lease, nonce = read('<ddBc0', operation, 2)
  elseif what == PUBLISH then
    generation, fresh, hand, kind, nonce = read('<dddBBc0', operation, 2)
  else
    generation, nonce = read('<dBc0', operation, 2)
  end

  local isOwnedFirst, isDone = false, false
  if text then
    local stored, flags = string.byte(text, 1, 2)
    isOwnedFirst = stored == format and flags == OWNED
  end
  if isOwnedFirst and (what == PUBLISH or what == RELEASE) then isDone = endFirst(i, what, text, bytes) end
  if text and not isDone then r, fault = parse(text) end
  if isDone then
    answers[i] = 1
  elseif fault then
    answers[i] = refuse(fault)
  elseif what == ACQUIRE and not text then
    answers[i] = sealed and refuse('LWSEALED ' .. sealed) or acquireNew(lock)
  elseif what == ACQUIRE then
    local writes
    answers[i], writes = acquire(lock, data, r)
    if writes then later[#later + 1] = { i, what, r } end
  else
    -- It may be renewed, published and released after its lease ran out, until somebody takes it over or its ceiling is reached.
    if r and r.owned and (generation < 0 or r.highest == generation) and (nonce == '' or r.nonce == nonce) then
      answers[i] = 1
      later[#later + 1] = { i, what, r, lease, bytes, fresh, hand, kind }
    elseif what == PUBLISH and r and r.from == generation and (nonce == '' or r.by == nonce) then
      answers[i] = 1 -- it was accepted before, and is sent again because its reply was lost
    else
      answers[i] = sealed and refuse('LWSEALED ' .. sealed) or 0
    end
  end
end

for i, text in pairs(texts) do
  if not hasWritten then begin(names[i + 1]) end
  hasWritten = true
  call('SET', names[i + 1], text, 'PX', ttl(lifetimes[i]))
end
for _, one in ipairs(later) do
  local i, what, r = one[1], one[2], one[3]
  local lock, data = names[i + 1], KEYS[2 * i + 1]
  if not hasWritten then begin(lock) end
  hasWritten = true
  if what == RENEW then
    r.expires, r.lease = math.min(nowUs + one[4], r.started + r.timeout), one[4]
  elseif what == PUBLISH then
    local bytes = one[5]
    put(r, data, bytes, math.max(one[6], one[7]))
    r.from, r.at, r.fresh, r.hand, r.kind, r.by = r.highest, nowUs, one[6], one[7], one[8], r.nonce
    if r.waited then
      notify(lock, ARGV[3], #bytes <= MESSAGE_UP_TO and pack('<dddBBc0', r.from, r.fresh, r.hand, r.kind, #r.by, r.by) .. bytes or '')
    end
  elseif what == RELEASE and r.waited then
    notify(lock, ARGV[3], '')
  end
  if what == PUBLISH or what == RELEASE then free(r, r.timeout) end
  save(lock, r)
end
return answers
