-- Frees a lock; the last outcome stays as it is.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 time, 2 format, 3 generation or '', 4 nonce, 5 channel.
-- Returns 1 if the lock was that owner's, else 0.
local lock, last, data, seal = unpack(KEYS)
-- @include record
-- @include owns
-- @include keep
-- @include ring
if not owns(ARGV[3], ARGV[4]) then
  -- @include open
  return 0
end
-- @include free
keep(owner.generation, published, math.max(left, owner.timeout))
ring(ARGV[5])
return 1
