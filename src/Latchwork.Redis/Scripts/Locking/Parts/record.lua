-- What is stored of a key, read and written. Every script on a key begins with this.
-- `lock` STRING: all of it but the bytes of a large outcome, packed (see `struct` in the documentation of Redis), little-endian:
--   u8 format, u8 flags, f64 highest generation ever given, f64 until when to keep that;
--   if it is owned: f64 started, expires, lease, timeout; nonce (u8 length, bytes), node (u16 length, bytes);
--   if there was a publication: f64 generation, at, fresh, hand; u8 kind; the nonce of its owner (u8 length, bytes); a small outcome.
--   A lease of the length `lease` ends at `expires`; its ceiling is started + timeout. The owner's generation is the highest.
--   The last publication that was accepted is remembered although its outcome is of no use any more: it may be sent again.
-- `data` STRING: the bytes of a large outcome and nothing else, so that no script ever copies or cuts them.
-- `seal` STRING, there while and after the namespace is moved to another store: the mark of the move. One for all keys of a namespace.
--   In a cluster there is none, as it would be in another slot; `seal` is a key there that never exists (see RedisKeys.WholeScriptGuard).
-- Times and lengths are in µs: whole numbers, which f64 holds exactly.
-- Wants: ARGV[1] = the time in µs, or empty for the server's clock; ARGV[2] = format.
-- Gives: call, int(n), nowUs, pack, read, parse(text), begin(key), free(r, length), put(r, data, bytes, length), drop(r, data), save(key, r),
-- bytesOf(r, data), notify(key, channel, message).
-- @include base
-- @include time
local band, pack, read = bit.band, struct.pack, struct.unpack
local OWNED, WAITED, PUBLISHED, INLINE, APART, OVER, INLINE_UP_TO = 1, 2, 4, 8, 16, 32, 1024

-- What Redis is told of a life time is for cleaning up only; the times in the record decide. A clock that is not the server's own may
-- stand still, so then it is ten minutes longer.
local function ttl(us)
  local ms = math.max(1, math.ceil(us / 1000)) + (ARGV[1] == '' and 0 or 600000)
  return ms % 100000000 == 0 and ms + 1 or ms -- or Redis 7.2.0 to 7.2.4 would pass it on as 1e+8 (int() takes longer than all of this)
end

local function unpackRecord(text)
  local r, flags, at = {}, nil, nil
  flags, r.highest, r.keep, at = read('<Bdd', text, 2)
  r.waited, r.left, r.isFresh = band(flags, WAITED) ~= 0, 0, false
  if band(flags, OWNED) ~= 0 then
    r.started, r.expires, r.lease, r.timeout, r.nonce, r.node, at = read('<ddddBc0Hc0', text, at)
    r.over = band(flags, OVER) ~= 0
    if r.started > nowUs or r.expires > nowUs + r.lease then
      -- The clock went back: no deadline is further ahead than its own length.
      r.wentBack = true
      r.started, r.expires = math.min(r.started, nowUs), math.min(r.expires, nowUs + r.lease)
    end
    r.owned = nowUs < r.started + r.timeout
    if not r.owned then r.keep = math.max(r.keep, r.started + 2 * r.timeout) end
  end
  if band(flags, PUBLISHED) ~= 0 then
    r.from, r.at, r.fresh, r.hand, r.kind, r.by, at = read('<ddddBBc0', text, at)
    if r.at > nowUs then
      r.wentBack = true
      r.at = nowUs
    end
    r.apart = band(flags, APART) ~= 0
    if band(flags, INLINE) ~= 0 then r.bytes = string.sub(text, at) end
    if r.apart or r.bytes then
      r.left = r.at + math.max(r.fresh, r.hand) - nowUs
      r.isFresh = nowUs < r.at + r.fresh
    end
  end

  -- Numbers that no store has written (NaN among them) would raise an error later, in the middle of the writes.
  local abs = math.abs
  local sum = abs(r.highest) + abs(r.keep)
  if r.nonce then sum = sum + abs(r.started) + abs(r.expires) + abs(r.lease) + abs(r.timeout) end
  if r.from then sum = sum + abs(r.from) + abs(r.at) + abs(r.fresh) + abs(r.hand) end
  if not (sum < 2 ^ 56) then error('range') end
  return r
end

-- Returns the record, or nothing and an error: another format, or bytes that are no record.
local function parse(text)
  local format = string.byte(text)
  if format ~= tonumber(ARGV[2]) then
    -- Format 1 was text, and began with its number.
    return nil, 'LWLAYOUT format=' .. (string.match(text, '^(%d+) ') or format or '?')
  end
  local isGood, r = pcall(unpackRecord, text)
  if isGood then return r end
  return nil, 'LWDAMAGED record' -- of two words, since Redis puts another in front of one
end

-- How long the record is of use.
local function life(r)
  return math.max(r.keep, r.owned and r.started + 2 * r.timeout or 0, nowUs + r.left) - nowUs
end

local function save(key, r)
  if r.left <= 0 then r.bytes, r.apart = nil, nil end
  local flags = (r.owned and OWNED or 0) + (r.waited and WAITED or 0) + (r.from and PUBLISHED or 0) + (r.bytes and INLINE or 0)
    + (r.apart and APART or 0) + (r.owned and r.over and OVER or 0)
  local text = pack('<BBdd', ARGV[2], flags, r.highest, r.keep)
  if r.owned then
    text = text .. pack('<ddddBc0Hc0', r.started, r.expires, r.lease, r.timeout, #r.nonce, r.nonce, #r.node, r.node)
  end
  if r.from then text = text .. pack('<ddddBBc0', r.from, r.at, r.fresh, r.hand, r.kind, #r.by, r.by) .. (r.bytes or '') end
  call('SET', key, text, 'PX', ttl(life(r)))
end

-- At its memory limit Redis refuses a command that takes memory only as long as the script has written nothing. So a script that may not be
-- refused there begins its writes with one that takes none, and then saves the record. (The flag allow-oom would need Redis 7.)
local function begin(key)
  call('DEL', key)
end

-- The bytes of the outcome; nothing if they are gone.
local function bytesOf(r, data)
  if r.bytes or not r.apart then return r.bytes end
  local bytes = redis.pcall('GET', data)
  return type(bytes) == 'string' and bytes or nil
end

-- There is no outcome any more; the publication is still remembered.
local function drop(r, data)
  if r.apart then call('UNLINK', data) end
  r.bytes, r.apart, r.left, r.isFresh = nil, nil, 0, false
end

-- The bytes of a new outcome, in the record if they are few; `length` is how long they are of use.
local function put(r, data, bytes, length)
  drop(r, data)
  if length <= 0 then return end
  r.left = length
  if #bytes > INLINE_UP_TO then
    r.apart = true
    call('SET', data, bytes, 'PX', ttl(length))
  else
    r.bytes = bytes
  end
end

-- There is no owner any more; the highest generation, and what is known of the last publication, are kept for `length` at least.
local function free(r, length)
  r.owned, r.waited = false, false
  r.keep = math.max(r.keep, nowUs + math.max(length, r.left))
end

-- What is published to those who wait: what they may take from the message instead of asking, or nothing. A refusal (an ACL) must not end
-- the script half-way.
local function notify(key, channel, message)
  redis.pcall('PUBLISH', string.sub(key, 1, -5) .. channel, message)
end
