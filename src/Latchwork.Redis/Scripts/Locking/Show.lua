-- Looks at a key and changes nothing.
-- KEYS: lock, data, seal.
-- ARGV: 1 time, 2 format.
-- Returns {1 if locked, generation, node, age in µs, lease left in µs, 1 if there is a fresh outcome, how long it will be in µs, kind}; or
-- nothing if it is neither locked nor has a fresh outcome.
local lock, data, seal = unpack(KEYS)
-- @include key
-- @include open
local fresh = r and r.isFresh and (r.bytes or call('EXISTS', data) == 1)
if not r or not (r.owned or fresh) then return false end
return {
  r.owned and 1 or 0, r.owned and r.highest or r.from, r.owned and r.node or '', r.owned and nowUs - r.started or 0,
  r.owned and math.max(0, r.expires - nowUs) or 0, fresh and 1 or 0, fresh and r.at + r.fresh - nowUs or 0, fresh and r.kind or 0,
}
