-- Reads records of schedules that belong to another partition, deletes those that were placed there, or places them.
-- KEYS: meta, schedules, schedulebodies, scheduleids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 'read', 'drop' or 'place'; then to read and to drop the schedules; to place schedule, record (see events) and body in turn.
-- Returns {record, body…} as they are stored, '' for one that is gone; else 1.
local meta, schedules, schedulebodies, scheduleids = unpack(KEYS)
-- @include partition
local refusal = openPartition(true)
if refusal then return refusal end
if ARGV[4] == 'read' then
  local found = {}
  for i = 5, #ARGV do
    found[#found + 1] = call('HGET', schedules, ARGV[i]) or ''
    found[#found + 1] = call('HGET', schedulebodies, ARGV[i]) or ''
  end
  return found
end
if ARGV[4] == 'drop' then
  free()
  for i = 5, #ARGV do
    call('HDEL', schedules, ARGV[i], '\31' .. ARGV[i])
    call('HDEL', schedulebodies, ARGV[i])
    call('ZREM', scheduleids, ARGV[i])
  end
  return 1
end
for i = 5, #ARGV, 3 do
  call('HSET', schedulebodies, ARGV[i], ARGV[i + 2])
  call('HSET', schedules, ARGV[i], ARGV[i + 1])
  call('ZADD', scheduleids, 0, ARGV[i])
end
finish()
return 1
