-- Replaces the outcome and frees the lock.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 time, 2 format, 3 generation, 4 nonce or '', 5 kind, 6 how long it is fresh in µs, 7 how long it is handed over in µs, 8 bytes,
-- 9 channel.
-- Returns 1 if it is the outcome now, or was accepted before; 0 if the lock is not that owner's any more.
local lock, last, data, seal = unpack(KEYS)
-- @include record
-- @include owns
-- @include keep
-- @include ring
if not owns(ARGV[3], ARGV[4]) then
  -- The last one that was accepted is remembered: it may be sent again because its reply was lost.
  if published and published.generation == ARGV[3] and (ARGV[4] == '' or published.nonce == ARGV[4]) then return 1 end
  -- @include open
  return 0
end

local kept = math.max(ARGV[6], ARGV[7])
-- @include free
keep(owner.generation, {
  generation = owner.generation, nonce = owner.nonce, kind = ARGV[5], at = int(nowUs), fresh = ARGV[6], hand = ARGV[7],
}, math.max(kept, owner.timeout))
if kept > 0 then
  call('SET', data, ARGV[8], 'PX', ttl(kept))
else
  call('UNLINK', data)
end
ring(ARGV[9])
return 1
