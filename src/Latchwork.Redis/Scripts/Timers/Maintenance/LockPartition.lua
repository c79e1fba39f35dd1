-- Begins to change the number of partitions: from now on this partition refuses everybody but who changes it, for its number is "5>12".
-- KEYS: meta, pollslots.
-- ARGV: 1 time, 2 format, 3 partitions as they are marked meanwhile, 4 the number before, 5 the number afterwards, 6 index, 7 1 to look only.
-- Returns {'free' (looked only), 'locked', 'done' (it has the new number already), or what stands in the way: 'listened', 'sealed', 'importing';
-- the nodes, or the mark of the move}.
local meta, pollslots = unpack(KEYS)
-- @include partition
local found = call('HMGET', meta, 'format', 'partitions', 'offset', 'seal', 'import')
local number, belongs = found[2] or '', tonumber(ARGV[6]) < tonumber(ARGV[4])
if found[1] and found[1] ~= ARGV[2] then return redis.error_reply('LWLAYOUT format=' .. found[1] .. ' partitions=' .. number) end
if number == ARGV[3] then return { 'locked' } end
-- Whoever changed it the other way may be turned back. What is none of the namespace has any number.
if belongs and number == ARGV[5] then return { 'done' } end
if belongs and number ~= '' and number ~= ARGV[4] and number ~= ARGV[5] .. '>' .. ARGV[4] then
  return redis.error_reply('LWLAYOUT format=' .. found[1] .. ' partitions=' .. number)
end
if found[4] and found[4] ~= '' then return { 'sealed', found[4] } end
local phase = string.match(found[5] or '', '^%a+')
if phase == 'importing' or phase == 'closed' then return { 'importing', found[5] } end
local ms = math.floor((timeUs() + (tonumber(found[3]) or 0)) / 1000)
local nodes = call('ZRANGEBYSCORE', pollslots, int(ms - 3000), '+inf', 'LIMIT', 0, 20)
if #nodes > 0 then return { 'listened', unpack(nodes) } end
if ARGV[7] == '1' then return { 'free' } end
call('HDEL', meta, '') -- see free in partition
call('HSET', meta, 'format', ARGV[2], 'partitions', ARGV[3])
return { 'locked' }
