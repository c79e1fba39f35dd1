-- Reads the outcome if it is fresh.
-- KEYS: lock, data, seal.
-- ARGV: 1 time, 2 format.
-- Returns {generation, kind, age in µs, bytes}, or nothing.
local lock, data, seal = unpack(KEYS)
-- @include key
-- @include open
if not r then return false end
if r.wentBack then
  -- Deadlines that were cut are kept so; else they would be cut again at each look, and never come nearer.
  begin(lock)
  save(lock, r)
end
local bytes = r.isFresh and bytesOf(r, data)
return bytes and { r.from, r.kind, nowUs - r.at, bytes }
