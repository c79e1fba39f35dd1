-- Grants the lock of a key, or says who has it, or gives the outcome in its place.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 time, 2 format, 3 node, 4 nonce, 5 lease in µs, 6 lock timeout in µs, 7 the generation that was waited for or '', 8 1 if only the
-- lock will do.
-- Returns {0, generation, 1 if it was taken over}: granted; {1, generation, node, lease left in µs, age in µs}: held;
-- or {2, generation, kind, 1 if fresh, age in µs, bytes}: the outcome.
local lock, last, data, seal = unpack(KEYS)
local node, nonce, lease, timeout, waited = ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
-- @include record
-- @include own
-- @include keep
-- @include renew
if not owner or owner.nonce ~= nonce then
  -- @include open
end
-- @include settle
if owner and owner.nonce == nonce then
  renew(lease)
  return { 0, tonumber(owner.generation), tonumber(owner.over) }
end

if left > 0 and ARGV[8] ~= '1' and (isFresh or (waited and tonumber(published.generation) >= waited)) then
  local bytes = call('GET', data)
  if bytes then
    return { 2, tonumber(published.generation), tonumber(published.kind), isFresh and 1 or 0, nowUs - published.at, bytes }
  end
end

if owner and nowUs < owner.expires then
  return { 1, tonumber(owner.generation), owner.node, owner.expires - nowUs, nowUs - owner.started }
end

-- The only write of this script that a full server refuses; it is the first one of a grant.
local generation, over = math.max(highest + 1, nowUs), owner and '1' or '0'
local now = int(nowUs)
own({
  generation = generation == nowUs and now or int(generation), nonce = nonce, node = node, started = now, expires = nowUs + lease,
  lease = lease, timeout = timeout, over = over,
})
return { 0, generation, tonumber(over) }
