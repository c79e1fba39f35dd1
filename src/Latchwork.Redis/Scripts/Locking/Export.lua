-- Reads a key that is to be moved to another store, and ends a lock whose lease ran out; or deletes it after it has arrived there.
-- KEYS: lock, data, seal.
-- ARGV: 1 time, 2 format, 3 move, 4 1 to delete.
-- Returns nothing if there is (no longer) such a key, {generation, node, lease left in µs} if it is held, else {generation, '', how long to
-- keep that in µs} and, if there is an outcome, {generation, kind, age in µs, how long it is fresh and handed over in µs, bytes}.
local lock, data, seal = unpack(KEYS)
-- @include key
if string.match(sealed or '', '^%a+ (%S+)') ~= ARGV[3] then return redis.error_reply('LWMOVE ' .. (sealed or '')) end
if not r then return false end
if r.owned and nowUs < r.expires then return { r.highest, r.node, r.expires - nowUs } end
if ARGV[4] == '1' then
  call('UNLINK', lock, data)
  return false
end

if r.owned then
  begin(lock)
  free(r, r.timeout)
  save(lock, r)
end
local kept, bytes = math.max(0, r.keep - nowUs), r.left > 0 and bytesOf(r, data)
if not bytes then return { r.highest, '', kept } end
return { r.highest, '', kept, r.from, r.kind, nowUs - r.at, r.fresh, r.hand, bytes }
