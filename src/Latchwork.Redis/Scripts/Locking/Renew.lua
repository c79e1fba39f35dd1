-- Renews a lease.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 time, 2 format, 3 generation, 4 nonce, 5 lease in µs.
-- Returns 1 if the lock is still that owner's, else 0.
local lock, last, data, seal = unpack(KEYS)
-- @include record
-- @include own
-- @include owns
-- @include renew
if not owns(ARGV[3], ARGV[4]) then
  -- @include open
  return 0
end
renew(ARGV[5])
return 1
