-- Takes in a key that comes from another store, unless its highest generation here is as high.
-- KEYS: lock, last, data, seal, import.
-- ARGV: 1 time, 2 format, 3 move, 4 generation, 5 how long to keep that in µs; of the outcome 6 generation ('': there is none), 7 kind, 8 age
-- in µs, 9 how long it is fresh and 10 handed over in µs, 11 bytes.
-- Returns 0 taken in, 1 it is as far here, 2 it is locked here, 3 the import is not open for this move.
local lock, last, data, seal, import = unpack(KEYS)
-- @include record
-- @include open
-- @include keep
local phase, move = string.match(call('GET', import) or '', '^(%a+) (%S+)')
if phase ~= 'importing' or move ~= ARGV[3] then return 3 end
if owner and nowUs < owner.expires then return 2 end
if highest >= tonumber(ARGV[4]) then return 1 end

-- @include free
local kept = math.max(1, tonumber(ARGV[5])) -- not zero: Redis refuses such a life time
if ARGV[6] == '' then
  keep(ARGV[4], published, math.max(kept, left))
  return 0
end
local rest = math.max(ARGV[9], ARGV[10]) - ARGV[8]
keep(ARGV[4], {
  generation = ARGV[6], nonce = '', kind = ARGV[7], at = int(nowUs - ARGV[8]), fresh = ARGV[9], hand = ARGV[10],
}, math.max(kept, rest))
if rest > 0 then
  call('SET', data, ARGV[11], 'PX', ttl(rest))
else
  call('UNLINK', data)
end
return 0
