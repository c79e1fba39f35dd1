-- Reads a key that is to be moved to another store, and ends a lock whose lease ran out; or deletes it after it has arrived there.
-- KEYS: lock, last, data, seal.
-- ARGV: 1 time, 2 format, 3 move, 4 1 to delete.
-- Returns nothing if there is (no longer) such a key, {generation, node, lease left in µs} if it is held, else {generation, '', how long to
-- keep that in µs} and, if there is an outcome, {generation, kind, age in µs, how long it is fresh and handed over in µs, bytes}.
local lock, last, data, seal = unpack(KEYS)
-- @include record
-- @include keep
if string.match(sealed or '', '^%a+ (%S+)') ~= ARGV[3] then return redis.error_reply('LWMOVE ' .. (sealed or '')) end
if owner and nowUs < owner.expires then return { highest, owner.node, owner.expires - nowUs } end
if ARGV[4] == '1' then
  call('UNLINK', lock, last, data)
  return false
end
if highest == 0 then return false end

local kept = math.max(call('PTTL', lock), call('PTTL', last)) * 1000
if owner then
  kept = math.max(kept, owner.timeout)
  -- @include free
  keep(int(highest), published, math.max(kept, left))
end
local bytes = left > 0 and call('GET', data)
if not bytes then return { highest, '', kept } end
return {
  highest, '', kept, tonumber(published.generation), tonumber(published.kind), nowUs - published.at, tonumber(published.fresh), tonumber(published.hand), bytes,
}
