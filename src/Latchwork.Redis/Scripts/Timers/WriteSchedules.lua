-- Makes a step on schedules and their occurrences, if everything is as it was read.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, rotation, pollslots, schedules, schedulebodies, scheduleids, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 1 if it is not to be refused at the memory limit, 6 the length of the largest body; then what must be so:
-- 'R' schedule stamp ('' for none), 'P' id place (see placeOf); then what is to be done: 'S' schedule, how many parts, the parts of its
-- record (see events); 'B' schedule body; 'D' schedule (delete it); 'T' id due raw body (post it; raw: of an absolute time what was asked for, in ms of the
-- server's clock, else ''); 'X' id (remove it, whoever holds it is told); 'M' id due (schedule it
-- then); 'H' id headers (instead of its own).
-- Returns {1 if it was made, 1 if the partition is new}.
local meta, due, flight, dead, body, tries, past, lease, rotation, pollslots, schedules, schedulebodies, scheduleids, counters, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local at = 7
while ARGV[at] == 'R' or ARGV[at] == 'P' do
  local id, was = ARGV[at + 1], ARGV[at + 2]
  local is
  if ARGV[at] == 'P' then
    is = placeOf(id)
  else
    local record = recordOf(id)
    is = record and record[1] or ''
  end
  if is ~= was then return { 0, 0 } end
  at = at + 3
end

if ARGV[5] == '1' then
  free()
else
  call('HSET', meta, 'format', ARGV[2], 'partitions', ARGV[3]) -- what a full server refuses comes first
end

local function drop(id)
  local record = call('HGET', lease, id)
  call('ZREM', due, id)
  forgetAbsolute({ id })
  call('ZREM', flight, id)
  call('ZREM', dead, id)
  call('HDEL', lease, id)
  local wasThere = call('HDEL', body, id)
  forgetPast({ id })
  if record then revoke(id, record) end
  return wasThere
end

local earliest, largest = nil, tonumber(ARGV[6])
local function schedule(id, when)
  call('ZADD', due, when, id)
  if not earliest or when < earliest then earliest = when end
end

while ARGV[at] do
  local what, id = ARGV[at], ARGV[at + 1]
  if what == 'S' then
    local n, record = tonumber(ARGV[at + 2]), {}
    for i = 1, n do record[i] = ARGV[at + 2 + i] end
    call('HSET', schedules, id, cmsgpack.pack(record))
    call('ZADD', scheduleids, 0, id)
    at = at + 3 + n
  elseif what == 'B' then
    call('HSET', schedulebodies, id, ARGV[at + 2])
    at = at + 3
  elseif what == 'D' then
    call('HDEL', schedules, id, '\31' .. id)
    call('HDEL', schedulebodies, id)
    call('ZREM', scheduleids, id)
    at = at + 2
  elseif what == 'T' then
    count(REPLACED, drop(id))
    count(POSTED, 1)
    forgetClaim(id)
    call('HSET', body, id, ARGV[at + 4])
    schedule(id, tonumber(ARGV[at + 2]))
    local raw = tonumber(ARGV[at + 3])
    if raw then noteAbsolute({ ARGV[at + 2] - raw, id }) end
    at = at + 5
  elseif what == 'X' then
    count(CANCELLED, drop(id))
    at = at + 2
  elseif what == 'M' then
    call('ZREM', flight, id)
    call('HDEL', lease, id)
    forgetAbsolute({ id })
    schedule(id, tonumber(ARGV[at + 2]))
    at = at + 3
  else
    local stored = call('HGET', body, id)
    local headers = tonumber(string.sub(stored, 8, 12))
    local changed = string.sub(stored, 1, 7) .. string.format('%05d', #ARGV[at + 2]) .. ARGV[at + 2] .. string.sub(stored, 13 + headers)
    call('HSET', body, id, changed)
    largest = math.max(largest, #changed - 12)
    at = at + 3
  end
end
noteLargest(int(largest))
if earliest then wake(earliest) end
keepCounts(now)
finish()
return { 1, fresh and 1 or 0 }
