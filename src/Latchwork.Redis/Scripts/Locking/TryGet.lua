-- Reads the outcome if it is fresh.
-- KEYS: lock, last, data.
-- ARGV: 1 time, 2 format.
-- Returns {generation, kind, age in µs, bytes}, or nothing.
local lock, last, data = unpack(KEYS)
-- @include record
-- @include settle
if not outcome or not outcome.isFresh then return false end
local bytes = call('GET', data)
return bytes and { tonumber(outcome.generation), outcome.kind, nowUs - outcome.at, bytes }
