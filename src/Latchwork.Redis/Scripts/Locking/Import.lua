-- Takes in a key that comes from another store, unless its highest generation here is as high.
-- KEYS: lock, data, seal, import.
-- ARGV: 1 time, 2 format, 3 move, 4 generation, 5 how long to keep that in µs; of the outcome 6 generation ('': there is none), 7 kind, 8 age
-- in µs, 9 how long it is fresh and 10 handed over in µs, 11 bytes.
-- Returns 0 taken in, 1 it is as far here, 2 it is locked here, 3 the import is not open for this move.
local lock, data, seal, import = unpack(KEYS)
-- @include key
-- @include open
local phase, move = string.match(call('GET', import) or '', '^(%a+) (%S+)')
if phase ~= 'importing' or move ~= ARGV[3] then return 3 end
if r then
  if r.owned and nowUs < r.expires then return 2 end
  if r.highest >= tonumber(ARGV[4]) then return 1 end
end

r = r or { keep = 0, left = 0 }
begin(lock)
r.highest = tonumber(ARGV[4])
if ARGV[6] ~= '' then
  put(r, data, ARGV[11], math.max(ARGV[9], ARGV[10]) - ARGV[8])
  r.from, r.kind, r.at, r.fresh, r.hand, r.by = tonumber(ARGV[6]), tonumber(ARGV[7]), nowUs - ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), ''
end
free(r, tonumber(ARGV[5]))
save(lock, r)
return 0
