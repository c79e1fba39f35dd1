-- Deletes what has arrived in another store, and reads the next that is to be moved there, always from the beginning: first all records of schedules, whose ids have U+001F
-- at their end; of these, occurrences that have not begun are handed back if they are in flight (their leases have run out), as nobody would know that later.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, schedules, schedulebodies, scheduleids, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 move; from 5 on the ids that have arrived.
-- Returns a list of {now in µs, 0 scheduled / 1 in flight / 2 dead, due, deadline or time of death, record of tries or '', failures, body,
-- token or '', node or '', id, offset of the clock in µs, 1 if it is due at an absolute time}; of a record of a schedule {now in µs, 3, 0, 0, the rest of the record, '', body, '', '', id} (see events).
local meta, due, flight, dead, body, tries, past, lease, schedules, schedulebodies, scheduleids, absolute = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition(true)
if refusal then return refusal end
readClock()
if string.match(state[11] or '', '^%a+ (%S+)') ~= ARGV[4] then return redis.error_reply('LWMOVE ' .. (state[11] or '')) end

if ARGV[5] then
  local arrived = {}
  for i = 5, #ARGV do arrived[i - 4] = ARGV[i] end
  free()
  call('ZREM', due, unpack(arrived))
  forgetAbsolute(arrived)
  call('ZREM', flight, unpack(arrived))
  call('ZREM', dead, unpack(arrived))
  call('HDEL', lease, unpack(arrived))
  call('HDEL', body, unpack(arrived))
  forgetPast(arrived)
  for _, id in ipairs(arrived) do
    if string.sub(id, -1) == '\31' then
      local schedule = string.sub(id, 1, -2)
      call('HDEL', schedules, schedule, '\31' .. schedule)
      call('HDEL', schedulebodies, schedule)
      call('ZREM', scheduleids, schedule)
    end
  end
end

local records, weight, handedBack = {}, 0, false
for _, id in ipairs(call('ZRANGE', scheduleids, 0, 49)) do
  local record = recordOf(id)
  weight = weight + call('HSTRLEN', schedulebodies, id)
  if #records > 0 and weight > 1048576 then break end
  for _, occurrence in ipairs({ record[3], record[4] }) do
    local held = occurrence ~= '' and call('HGET', lease, occurrence)
    if held then
      handedBack = true
      free()
      local _, _, at, _, _, _, was = readLease(held)
      at, was = dueOf(at, was)
      call('ZREM', flight, occurrence)
      call('HDEL', lease, occurrence)
      call('ZADD', due, at, occurrence)
      if was then noteAbsolute({ was, occurrence }) end
    end
  end
  records[#records + 1] = { int(nowUs), 3, 0, 0, record[5], '', call('HGET', schedulebodies, id) or '', '', '', id .. '\31' }
end
if handedBack then
  finish()
end
if #records > 0 then return records end

-- At most 200, cut where payloads and failures exceed 1 MiB; one always fits.
local items, bytes, full = {}, 0, false
local function add(where, set)
  local found = full and {} or call('ZRANGE', set, 0, 199 - #items, 'WITHSCORES')
  for i = 1, #found, 2 do
    local id, score = found[i], found[i + 1]
    local record = call('HGET', tries, id)
    local failures = recall(id, record)
    bytes = bytes + call('HSTRLEN', body, id) - 12 + #failures
    if #items > 0 and bytes > 1048576 then
      full = true
      return
    end
    local at, token, node = 0, '', ''
    local was = where == 0 and tonumber(aheadOf({ id })[1] or nil)
    if where == 0 then at = int((dueOf(tonumber(score), was or nil))) end
    if where == 1 then
      local held = call('HGET', lease, id)
      at = score
      if held then
        local _
        token, _, at, _, node, _, was = readLease(held)
        at, was = dueOf(at, was)
      end
    end
    items[#items + 1] = { int(nowUs), where, at, score, record or '', failures, call('HGET', body, id) or '', token, node, id, int(offsetUs), was and 1 or 0 }
  end
  full = #items >= 200
end
add(0, due)
add(1, flight)
add(2, dead)
return items
