-- The start of every script on a key: reads its record, and refuses one of a format that it does not know before anything is written.
-- `lock` STRING, there while the key has an owner, and then until its generation may be forgotten:
--   "<format> <generation> <started> <expires> <lease> <timeout> <1 if it was taken over> <length of nonce> <nonce><node>"
--   Its lease, of the length <lease>, ends at <expires>; its ceiling is <started> + <timeout>.
-- `last` STRING, what outlives the owner:
--   "<format> <highest generation given and freed> <generation> <kind> <at> <fresh> <hand> <nonce>"
--   From the second generation on: the last publication that was accepted (0: none); the kind of the outcome (-: there is none), when it
--   was published, how long it is fresh and handed over.
-- `data` STRING: the bytes of the outcome and nothing else, so that no script ever copies or cuts them.
-- `seal` STRING, there while and after the namespace is moved to another store: the mark of the move. One for all keys of a namespace.
--   In a cluster there is none, as it would be in another slot; `seal` is a key there that never exists (see RedisKeys.WholeScriptGuard).
-- Times and lengths are in µs. One string takes less time and memory than a hash of nine fields. What is not changed stays text, which Lua
-- reckons with (but does not compare): writing a number of this size as text is dear.
-- Wants: the locals `lock`, `last`, `data`, `seal`; ARGV[1] = the time in µs, or empty for the server's clock; ARGV[2] = format.
-- Gives: call, int(n), nowUs, owner and published (nil if there is none), isFresh, left (how long the outcome is still of use; its bytes
-- may be gone all the same), highest, sealed (the mark, or false), wentBack, ttl(length in µs).
-- @include base
-- @include time

-- What Redis is told of a life time is for cleaning up only; the times in the record decide. A clock that is not the server's own may
-- stand still, so then it is ten minutes longer.
local function ttl(us)
  return int(math.ceil(us / 1000) + (ARGV[1] == '' and 0 or 600000))
end

local owner, published
local highest, isFresh, left = 0, false, 0
local sealed
local wentBack = false -- The clock is behind what is in the record: `settle` writes down what is cut here.

do
  local record = seal and call('MGET', lock, last, seal) or call('MGET', lock, last)
  sealed = record[3]
  if record[1] then
    local format, generation, started, expires, lease, timeout, over, length, names =
      string.match(record[1], '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d) (%d+) (.*)$')
    if format ~= ARGV[2] then return redis.error_reply('LWLAYOUT format=' .. (string.match(record[1], '^%d+') or '?')) end
    highest, expires = tonumber(generation), tonumber(expires)
    if started - nowUs > 0 or expires > nowUs + lease then
      wentBack = true
      if started - nowUs > 0 then started = int(nowUs) end
      expires = math.min(expires, nowUs + lease)
    end
    if nowUs < started + timeout then
      owner = {
        generation = generation, nonce = string.sub(names, 1, length), node = string.sub(names, length + 1),
        started = started, expires = expires, lease = lease, timeout = timeout, over = over,
      }
    end
  end

  if record[2] then
    local format, generation, from, kind, at, fresh, hand, nonce =
      string.match(record[2], '^(%d+) (%d+) (%d+) (%S+) (%d+) (%d+) (%d+) (.*)$')
    if format ~= ARGV[2] then return redis.error_reply('LWLAYOUT format=' .. (string.match(record[2], '^%d+') or '?')) end
    highest = math.max(highest, tonumber(generation))
    if at - nowUs > 0 then
      wentBack = true
      at = int(nowUs)
    end
    published = { generation = from, nonce = nonce, kind = kind, at = at, fresh = fresh, hand = hand }
    if kind ~= '-' then
      isFresh = nowUs < at + fresh
      left = at + math.max(fresh, hand) - nowUs
    end
  end
end
