-- Drops the outcome and takes the lock from its owner.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 time, 2 format, 3 how long to keep the generation in µs, 4 channel.
-- Returns 1 if there was a lock or a fresh outcome, else 0.
local lock, last, data, seal = unpack(KEYS)
-- @include record
-- @include open
-- @include keep
-- @include ring
if highest == 0 then return 0 end
local existed = owner or (isFresh and call('EXISTS', data) == 1)
-- @include free
call('UNLINK', data)
if published then published.kind = '-' end
keep(int(owner and math.max(highest + 1, nowUs) or highest), published, tonumber(ARGV[3]))
if owner then ring(ARGV[4]) end
return existed and 1 or 0
