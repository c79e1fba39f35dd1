-- The start of every script on a key: reads its record and refuses one of a format that is newer than this.
-- `lock` HASH: format, generation, nonce, node, started, expires (end of the lease), lease (its length), timeout (the ceiling is
-- started + timeout), over (1: it was taken over). There while the key has an owner, and then until its generation may be forgotten.
-- `last` HASH: format, generation (the highest that was given and freed); outcome, nonce (of the last publication that was accepted);
-- kind, at (when it was published), fresh, hand (how long it is fresh, and handed over). `data` STRING: the bytes of the outcome, and
-- nothing else, so that no script ever copies or cuts them. Times and lengths are in µs.
-- Wants: the locals `lock`, `last`, `data`; ARGV[1] = the time in µs, or empty for the server's clock; ARGV[2] = format.
-- Gives: call, int(n), nowUs, owner (nil if there is none), outcome (nil if there is none; its bytes may be gone), highest, wentBack,
-- ttl(length in µs).
-- @include base
-- @include time

-- What Redis is told of a life time is for cleaning up only; the times in the record decide. A clock that is not the server's own may
-- stand still, so then it is ten minutes longer.
local function ttl(us)
  return int(math.ceil(us / 1000) + (ARGV[1] == '' and 0 or 600000))
end

local owner, outcome
local highest = 0
local wentBack = false -- The clock is behind what is in the record: `settle` writes down what is cut here.

do
  local l = call('HMGET', lock, 'format', 'generation', 'nonce', 'node', 'started', 'expires', 'lease', 'timeout', 'over')
  local o = call('HMGET', last, 'format', 'generation', 'outcome', 'nonce', 'kind', 'at', 'fresh', 'hand')
  local newest = math.max(tonumber(l[1]) or 0, tonumber(o[1]) or 0)
  if newest > tonumber(ARGV[2]) then return redis.error_reply('LWLAYOUT format=' .. newest) end

  if l[2] then
    highest = tonumber(l[2])
    local started, expires, lease, timeout = tonumber(l[5]), tonumber(l[6]), tonumber(l[7]), tonumber(l[8])
    if started > nowUs or expires > nowUs + lease then
      wentBack = true
      started = math.min(started, nowUs)
      expires = math.min(expires, nowUs + lease)
    end
    if nowUs < started + timeout then
      owner = {
        generation = l[2], nonce = l[3], node = l[4], started = started, expires = expires, lease = lease, timeout = timeout,
        over = tonumber(l[9]),
      }
    end
  end

  if o[2] then
    highest = math.max(highest, tonumber(o[2]))
    if o[3] then outcome = { generation = o[3], nonce = o[4] } end
    if o[3] and o[5] then
      local at, fresh, hand = tonumber(o[6]), tonumber(o[7]), tonumber(o[8])
      if at > nowUs then
        wentBack = true
        at = nowUs
      end
      outcome.kind, outcome.at = tonumber(o[5]), at
      outcome.keep = at + math.max(fresh, hand) - nowUs
      outcome.isFresh, outcome.freshLeft = nowUs < at + fresh, at + fresh - nowUs
    end
  end
end
