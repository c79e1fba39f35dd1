-- Reads the outcome if it is fresh.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 time, 2 format.
-- Returns {generation, kind, age in µs, bytes}, or nothing.
local lock, last, data, seal = unpack(KEYS)
-- @include record
-- @include open
-- @include own
-- @include keep
-- @include settle
if not isFresh then return false end
local bytes = call('GET', data)
return bytes and { tonumber(published.generation), tonumber(published.kind), nowUs - published.at, bytes }
