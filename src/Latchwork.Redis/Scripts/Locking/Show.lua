-- Looks at a key and changes nothing.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 time, 2 format.
-- Returns {1 if locked, generation, node, age in µs, lease left in µs, 1 if there is a fresh outcome, how long it will be in µs, kind}; or
-- nothing if it is neither locked nor has a fresh outcome.
local lock, last, data, seal = unpack(KEYS)
-- @include record
-- @include open
local fresh = isFresh and call('EXISTS', data) == 1
if not owner and not fresh then return false end
return {
  owner and 1 or 0, tonumber((owner or published).generation), owner and owner.node or '', owner and nowUs - owner.started or 0,
  owner and math.max(0, owner.expires - nowUs) or 0, fresh and 1 or 0, fresh and published.at + published.fresh - nowUs or 0,
  fresh and tonumber(published.kind) or 0,
}
