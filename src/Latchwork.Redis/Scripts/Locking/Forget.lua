-- Drops the outcome and takes the lock from its owner.
-- KEYS: lock, data, seal.
-- ARGV: 1 time, 2 format, 3 how long to keep the generation in µs, 4 what the name of a channel ends with.
-- Returns 1 if there was a lock or a fresh outcome, else 0.
local lock, data, seal = unpack(KEYS)
-- @include key
-- @include open
if not r then return 0 end
local existed = r.owned or (r.isFresh and bytesOf(r, data)) and true
begin(lock)
if r.owned then r.highest = math.max(r.highest + 1, nowUs) end
if r.owned then notify(lock, ARGV[4], '') end -- its owner hears it as well as those who wait
drop(r, data)
free(r, tonumber(ARGV[3]))
save(lock, r)
return existed and 1 or 0
