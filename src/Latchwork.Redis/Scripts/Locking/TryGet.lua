-- Reads the outcome if it is fresh.
-- KEYS: lock, last, data.
-- ARGV: 1 time, 2 format.
-- Returns {generation, kind, age in µs, bytes}, or nothing.
local lock, last, data = unpack(KEYS)
-- @include record
-- @include own
-- @include keep
-- @include settle
if not isFresh then return false end
local bytes = call('GET', data)
return bytes and { tonumber(published.generation), tonumber(published.kind), nowUs - published.at, bytes }
