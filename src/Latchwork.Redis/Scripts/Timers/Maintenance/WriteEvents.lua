-- Stores events as they were in another partition.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 offset of the clock of the other partition in µs, 5 the length of the largest body; from 6 on for each
-- event: id, 1 to replace it if it is there (0 to leave it), due (as in a lease), end of the lease, time of death, body, record of tries, lease ('' for none),
-- how many failures; slot and failure in turn.
-- Returns one digit an event: 0 placed, 1 left as it was.
local meta, due, flight, dead, body, tries, past, lease, absolute = unpack(KEYS)
-- @include partition
-- @include events
-- @include transfer
local refusal = openPartition(true)
if refusal then return refusal end
readClock()

-- Times that mean the same by this partition's clock; rounded up, so that nothing is early.
local shift = math.ceil((offsetUs - ARGV[4]) / 1000)
local function shifted(ms)
  return tonumber(ms) + shift
end

-- Of an absolute time what was asked for stays.
local function shiftedDue(at, was)
  if not was then return int(shifted(at)), nil end
  local aheadBy = math.max(was + shift, ahead)
  return int(at - was + aheadBy), int(aheadBy)
end

local outcomes, ids, at = {}, {}, 6
local places, flights, deaths, bodies, records, failures, leases, dated = {}, {}, {}, {}, {}, {}, {}, {}
local function put(list, a, b)
  list[#list + 1] = a
  list[#list + 1] = b
end
while ARGV[at] do
  local id, n = ARGV[at], tonumber(ARGV[at + 8])
  local there = call('HSTRLEN', body, id) > 0 or call('ZSCORE', due, id) or call('ZSCORE', flight, id) or call('ZSCORE', dead, id)
  outcomes[#outcomes + 1] = there and ARGV[at + 1] == '0' and '1' or '0'
  if outcomes[#outcomes] == '0' then
    ids[#ids + 1] = id
    if ARGV[at + 2] ~= '' then
      local score, was = string.match(ARGV[at + 2], '^([^@]*)@?(.*)$')
      score, was = shiftedDue(score, tonumber(was))
      put(places, score, id)
      if was then put(dated, was, id) end
    end
    if ARGV[at + 3] ~= '' then put(flights, shifted(ARGV[at + 3]), id) end
    if ARGV[at + 4] ~= '' then put(deaths, shifted(ARGV[at + 4]), id) end
    if ARGV[at + 5] ~= '' then put(bodies, id, ARGV[at + 5]) end
    if ARGV[at + 6] ~= '' then
      local counts, was, reason = string.match(ARGV[at + 6], '^(%d+ %d+) (%d+) (.*)$')
      put(records, id, was and counts .. ' ' .. int(shifted(was)) .. ' ' .. reason or ARGV[at + 6])
    end
    if ARGV[at + 7] ~= '' then
      local token, retries, due_, most, node, claimed, was = readLease(ARGV[at + 7])
      put(leases, id, leasePrefix(token) .. retries .. ' ' .. leaseDue(shiftedDue(due_, was)) .. ' ' .. int(most) .. ' ' .. int(claimed > 0 and shifted(claimed) or 0) .. ' ' .. node)
    end
    for i = at + 9, at + 7 + n * 2, 2 do put(failures, ARGV[i] .. id, later(ARGV[i + 1], shift)) end
  end
  at = at + 9 + n * 2
end

if #ids > 0 then
  -- The first write is one that a full server refuses, so the events are refused as a whole.
  if #bodies > 0 then call('HSET', body, unpack(bodies)) end
  forgetPast(ids)
  call('ZREM', due, unpack(ids))
  forgetAbsolute(ids)
  call('ZREM', flight, unpack(ids))
  call('ZREM', dead, unpack(ids))
  call('HDEL', lease, unpack(ids))
  if #places > 0 then call('ZADD', due, unpack(places)) end
  noteAbsolute(dated)
  if #flights > 0 then call('ZADD', flight, unpack(flights)) end
  if #deaths > 0 then call('ZADD', dead, unpack(deaths)) end
  if #leases > 0 then call('HSET', lease, unpack(leases)) end
  if #records > 0 then call('HSET', tries, unpack(records)) end
  for start = 1, #failures, 400 do call('HSET', past, unpack(failures, start, math.min(start + 399, #failures))) end
  noteLargest(ARGV[5])
  finish()
end
return table.concat(outcomes)
