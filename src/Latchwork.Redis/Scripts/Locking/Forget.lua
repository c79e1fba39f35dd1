-- Drops the outcome and takes the lock from its owner.
-- KEYS: lock, last, data.
-- ARGV: 1 time, 2 format, 3 how long to keep the generation in µs, 4 channel.
-- Returns 1 if there was a lock or a fresh outcome, else 0.
local lock, last, data = unpack(KEYS)
-- @include record
-- @include free
if highest == 0 then return 0 end
local existed = owner or (outcome and outcome.isFresh and call('EXISTS', data) == 1)
free(int(owner and math.max(highest + 1, nowUs) or highest))
call('UNLINK', data)
call('HDEL', last, 'kind', 'at', 'fresh', 'hand')
keep(tonumber(ARGV[3]))
if owner then ring(ARGV[4]) end
return existed and 1 or 0
