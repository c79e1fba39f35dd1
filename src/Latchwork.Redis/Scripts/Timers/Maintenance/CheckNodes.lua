-- Examines the list of nodes and what hangs on it, piece by piece, and takes off who is gone in the same step.
-- KEYS: meta, claims, nodes, rotation, pollslots.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the cursor: 0, then the one returned; 5 1 to repair; 6 which: 0 nodes, 1 their claims, 2 their places
-- in the rotation, 3 their turns.
-- Returns {the next cursor (0 at the end), {'lost', node…}}: silent for two hours, or not on the list of nodes.
local meta, claims, nodes, rotation, pollslots = unpack(KEYS)
-- @include partition
local refusal = openPartition(true)
if refusal then return refusal end
readClock()
local names, cursor, found, repairs = {}, '0', {}, ARGV[5] == '1'
if repairs then
  free()
end
if ARGV[6] == '0' or ARGV[6] == '1' then
  local piece
  if ARGV[6] == '0' then
    piece = call('HSCAN', nodes, ARGV[4], 'COUNT', 100)
  else
    piece = call('HSCAN', claims, ARGV[4], 'COUNT', 10)
  end
  cursor = piece[1]
  for i = 1, #piece[2], 2 do names[#names + 1] = piece[2][i] end
else
  local set = ARGV[6] == '2' and rotation or pollslots
  names = call('ZRANGE', set, ARGV[4], ARGV[4] + 99)
  if #names == 100 then cursor = int(ARGV[4] + 100) end
end
for _, node in ipairs(names) do
  local record = call('HGET', nodes, node)
  local seen = record and tonumber(string.match(record, '^%d+'))
  if not seen or nowUs - seen > 7200000000 then
    found[#found + 1] = 'lost'
    found[#found + 1] = node
    if repairs then
      call('HDEL', nodes, node)
      call('HDEL', claims, node)
      call('ZREM', rotation, node)
      call('ZREM', pollslots, node)
    end
  end
end
if #changes > 0 then
  finish()
end
return { cursor, found }
