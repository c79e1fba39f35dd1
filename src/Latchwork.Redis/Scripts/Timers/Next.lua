-- Deletes events that have arrived in another store, and reads the next that are to be moved there, always from the beginning.
-- KEYS: meta, due, flight, dead, body, tries, past, lease.
-- ARGV: 1 time, 2 format, 3 partitions, 4 move; from 5 on the ids that have arrived.
-- Returns a list of {now in µs, 0 scheduled / 1 in flight / 2 dead, due, deadline or time of death, record of tries or '', failures, body,
-- token or '', node or '', id}.
local meta, due, flight, dead, body, tries, past, lease = unpack(KEYS)
-- @include partition
-- @include clock
-- @include lease
-- @include recall
-- @include forget
if string.match(state[11] or '', '^%a+ (%S+)') ~= ARGV[4] then return redis.error_reply('LWMOVE ' .. (state[11] or '')) end

if ARGV[5] then
  local arrived = {}
  for i = 5, #ARGV do arrived[i - 4] = ARGV[i] end
  -- @include free
  call('ZREM', due, unpack(arrived))
  call('ZREM', flight, unpack(arrived))
  call('ZREM', dead, unpack(arrived))
  call('HDEL', lease, unpack(arrived))
  call('HDEL', body, unpack(arrived))
  forgetPast(arrived)
end

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
    local at, token, node = where == 0 and score or 0, '', ''
    if where == 1 then
      local held = call('HGET', lease, id)
      at = score
      if held then
        local _
        token, _, at, _, node = readLease(held)
      end
    end
    items[#items + 1] = { int(nowUs), where, at, score, record or '', failures, call('HGET', body, id) or '', token, node, id }
  end
  full = #items >= 200
end
add(0, due)
add(1, flight)
add(2, dead)
return items
