-- The records of events, and what becomes of them. The keys are known by their names: a script declares those that the functions which it calls touch.
-- Wants: partition; and readClock(), but for what only reads or deletes.
-- Gives: leasePrefix(token), readLease(record), leaseDue(due, how far it is ahead), heldOf(first, width, again), revoke(id, record);
--   aheadOf(ids), noteAbsolute(list), forgetAbsolute(ids), date(list), dateAnew();
--   remember(…), interrupted(…), recall(id, record of tries), forgetPast(ids);
--   trimDead(retention, keep), deadOf(first), isIntact(body), keepPlace(id), deadLetter(id, who found it);
--   completedRecord(end of a lease, ms), trimCompleted(before, keep, newest);
--   placeOf(id), recordOf(schedule), notBegun(id), firstClaim(id, µs), forgetClaim(id); takeBack(retention, keep).
-- @include partition

-- LEASES. As one is stored: "<length of token> <token> <retries> <due> <max retries> <claimed at> <node>". Of an absolute time due is
-- "<due>@<how far it is ahead>" (see below). Retries is '-' as long as the event has no record in `tries` and `past`. The length in
-- front keeps any text from being taken for a token that is part of it.
local function leasePrefix(token)
  return #token .. ' ' .. token .. ' '
end

-- Returns token, retries, due, max retries, node, claimed at in ms (0: not known), how far due is ahead of an absolute time or nil. A record that cannot
-- be read, because somebody else's hand changed it, is nobody's, counts as the first attempt and is not the last.
local function readLease(record)
  local _, stop, length = string.find(record, '^(%d+) ')
  if not stop then return '', '-', 0, 1, '', 0 end
  local rest = stop + tonumber(length) + 2
  local retries, at, was, max, claimed, node = string.match(record, '^(%S+) (%d+)@?(%d*) (%d+) (%d+) (.*)$', rest)
  if not node then return '', '-', 0, 1, '', 0 end
  return string.sub(record, stop + 1, rest - 2), retries, tonumber(at), tonumber(max), node, tonumber(claimed), tonumber(was)
end

-- Both as text → as it is written.
local function leaseDue(at, was)
  return was and at .. '@' .. was or at
end

-- Which of the given deliveries are alive: (id, token) pairs among ARGV. `first` is the index of the first id, `width` the number of arguments a delivery
-- has, `again` the outcome of an id that comes twice (false: no difference). Returns outcomes (one digit each: 0 done, 1 not found, 3 stale), and of those
-- that are a list of {index, id, record, position of the retries in the record}.
local function heldOf(first, width, again)
  local ids, outcomes, live, seen = {}, {}, {}, {}
  for i = first, #ARGV, width do ids[#ids + 1] = ARGV[i] end
  local records = call('HMGET', lease, unpack(ids))
  local token, prefix
  for i, id in ipairs(ids) do
    local record = records[i]
    if ARGV[first + (i - 1) * width + 1] ~= token then
      token = ARGV[first + (i - 1) * width + 1]
      prefix = leasePrefix(token)
    end
    if seen[id] then
      outcomes[i] = again
    elseif record and string.sub(record, 1, #prefix) == prefix then
      outcomes[i] = '0'
      live[#live + 1] = { i, id, record, #prefix + 1 }
      if again then seen[id] = true end
    elseif record or call('HSTRLEN', body, id) > 0 then
      outcomes[i] = '3'
    else
      outcomes[i] = '1'
    end
  end
  return outcomes, live
end

-- Whoever holds an event is told that it does so no longer. A refusal to publish (an ACL) must not end the script half-way.
local function revoke(id, record)
  local token, _, _, _, node = readLease(record)
  redis.pcall('PUBLISH', ARGV[4] .. node, 'r ' .. #token .. ' ' .. token .. id)
end

-- ABSOLUTE DUE TIMES, which are counted on the server's clock. In `absolute`: id → by how much the score in `due` is ahead of what was asked for, in ms: the offset of the
-- partition's clock when it was written down (more, if the time had passed). The offset only grows, so a score is too early, never too late: one that is less ahead
-- than the clock is dated anew before it is taken. It holds scheduled events; of those in flight the lease says it. A partition that never had any pays nothing: `meta` says so.

-- A list of numbers, false for a delay; empty if there is none.
local function aheadOf(ids)
  return state[14] == '1' and #ids > 0 and call('ZMSCORE', absolute, unpack(ids)) or {}
end

-- The list is of how far each is ahead, and id, in turn.
local function noteAbsolute(list)
  if #list == 0 then return end
  call('ZADD', absolute, unpack(list))
  if state[14] ~= '1' then
    change('absolute', 1)
    state[14] = '1'
  end
end

local function forgetAbsolute(ids)
  if state[14] == '1' and #ids > 0 then call('ZREM', absolute, unpack(ids)) end
end

-- Absolute times that were written down before the offset of the partition's clock grew get the time that they have by now: {id, raw due time…}.
local function date(early)
  local places, aheads = {}, {}
  for i = 1, #early, 2 do
    places[i], places[i + 1] = early[i + 1] + ahead, early[i]
    aheads[i], aheads[i + 1] = ahead, early[i]
  end
  if #places == 0 then return end
  call('ZADD', due, 'XX', unpack(places))
  call('ZADD', absolute, 'XX', unpack(aheads))
end

-- At most 200 of them.
local function dateAnew()
  if ahead == 0 or state[14] ~= '1' then return end
  local found = call('ZRANGEBYSCORE', absolute, '-inf', '(' .. int(ahead), 'WITHSCORES', 'LIMIT', 0, 200)
  local ids, early, lost = {}, {}, {}
  for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
  if #ids == 0 then return end
  for i, at in ipairs(call('ZMSCORE', due, unpack(ids))) do
    if at then
      early[#early + 1] = ids[i]
      early[#early + 1] = at - found[i * 2]
    else
      lost[#lost + 1] = ids[i] -- by somebody else's hand
    end
  end
  date(early)
  forgetAbsolute(lost)
end

-- THE PAST of an event that failed, was interrupted or was requeued. In `tries`: "<retries> <failures> <due> <reason>", where due and
-- reason are those of its death and mean nothing while it lives; and, if its handlers were interrupted, " <how often>". In `past` the last ten
-- failures, each in a field of its own, so that one more costs the same however long the others are: "<number of the failure modulo 10><id>" → "<attempt> <at>
-- <length of node> <length of error> <node><error>".

-- One failure more. `former` is the record of tries, or false. Returns the new record; field and value for `past`.
local function remember(former, id, at, reason, attempt, retries, node, error)
  local failures = former and tonumber(string.match(former, '^%d+ (%d+)')) or 0
  local interruptions = former and string.match(former, '^%d+ %d+ %d+ %d+( %d+)$') or ''
  return retries .. ' ' .. int(failures + 1) .. ' ' .. int(at) .. ' ' .. reason .. interruptions,
    int(failures % 10) .. id,
    attempt .. ' ' .. int(now) .. ' ' .. #node .. ' ' .. #error .. ' ' .. node .. error
end

-- One interruption more. Returns the new record, and how many there are.
local function interrupted(former, retries)
  local record, times = string.match(former or '', '^(%d+ %d+ %d+ %d+) ?(%d*)$')
  times = (tonumber(times) or 0) + 1
  return (record or retries .. ' 0 0 0') .. ' ' .. int(times), times
end

-- Its last failures in one text, the oldest first.
local function recall(id, record)
  local failures = record and tonumber(string.match(record, '^%d+ (%d+)')) or 0
  if failures == 0 then return '' end
  local fields = {}
  for i = math.max(failures - 10, 0), failures - 1 do fields[#fields + 1] = int(i % 10) .. id end
  local found = call('HMGET', past, unpack(fields))
  for i = 1, #found do found[i] = found[i] or '' end
  return table.concat(found)
end

-- Deletes what is stored of their failures, if anything is.
local function forgetPast(ids)
  if call('EXISTS', tries) == 0 then return end
  local records = call('HMGET', tries, unpack(ids))
  local fields = {}
  for i, id in ipairs(ids) do
    local failures = records[i] and tonumber(string.match(records[i], '^%d+ (%d+)')) or 0
    for slot = 0, math.min(failures, 10) - 1 do fields[#fields + 1] = slot .. id end
  end
  call('HDEL', tries, unpack(ids))
  for first = 1, #fields, 400 do call('HDEL', past, unpack(fields, first, math.min(first + 399, #fields))) end
end

-- DEAD LETTERS, and events that somebody else's hand changed or deleted, or that were evicted.

-- Keeps dead letters within their limits: at most 200 go at a time (as many as a script can dead-letter), and they are counted.
-- `retention` is in ms, `keep` the most to keep.
local function trimDead(retention, keep)
  local ids = call('ZRANGEBYSCORE', dead, '-inf', '(' .. int(now - retention), 'LIMIT', 0, 200)
  local excess = math.min(call('ZCARD', dead) - keep, 200)
  if excess > #ids then ids = call('ZRANGE', dead, 0, excess - 1) end
  if #ids == 0 then return end
  call('ZREM', dead, unpack(ids))
  call('HDEL', body, unpack(ids))
  forgetPast(ids)
  call('HINCRBY', meta, 'trimmed', #ids)
end

-- Which of the given deaths there are: (id, time of death or '') pairs among ARGV. A time is as it is shown, by the server's clock; or '=' and how it is stored.
-- Returns outcomes (one digit each: 0 there, 1 not), and the ids that are there.
local function deadOf(first)
  local ids, outcomes, there, seen = {}, {}, {}, {}
  for i = first, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
  local scores = call('ZMSCORE', dead, unpack(ids))
  for i, id in ipairs(ids) do
    local wanted = ARGV[first + i * 2 - 1]
    if scores[i] and not seen[id] and (wanted == '' or (tonumber(string.match(wanted, '^=(.*)$')) or tonumber(wanted) + ahead) == tonumber(scores[i])) then
      outcomes[i] = '0'
      seen[id] = true
      there[#there + 1] = id
    else
      outcomes[i] = '1'
    end
  end
  return outcomes, there
end

-- A body is: retries in 7 digits, length of the headers in 5, the headers, which are pairs of texts, each after its length in two bytes; the payload.
local function isIntact(stored)
  local headers = string.match(stored or '', '^%d%d%d%d%d%d%d(%d%d%d%d%d)')
  if not headers then return false end
  local at, stop, texts = 13, 12 + tonumber(headers), 0
  if stop > #stored then return false end
  while at < stop do
    local high, low = string.byte(stored, at, at + 1)
    at = at + 2 + high * 256 + low
    texts = texts + 1
  end
  return at == stop + 1 and texts % 2 == 0
end

-- A dead letter without a body would be taken for nothing by whoever posts, cancels or examines its id: something stands in its place.
local function keepPlace(id)
  if call('HSTRLEN', body, id) == 0 then call('HSET', body, id, '?') end
end

-- Scheduled → dead: it could not be delivered as it was posted.
local function deadLetter(id, who)
  local record = call('HGET', tries, id) or ''
  local retries = tonumber(string.match(record, '^%d+')) or 0
  local former = string.match(record, '^%d+ %d+ %d+ %d+') and record or false
  local at = call('ZSCORE', due, id) or now
  local spent, field, failure = remember(former, id, tonumber(at), 4, retries + 1, retries, who, 'What is stored of the event cannot be read.')
  call('ZREM', due, id)
  forgetAbsolute({ id })
  call('ZADD', dead, int(now), id)
  keepPlace(id)
  call('HSET', tries, id, spent)
  call('HSET', past, field, failure)
end

-- COMPLETED EVENTS. In `completed` a line for each id, "<outcome> <retries or -> <due> <max retries> <claimed at> <node>", which but for the outcome is the end of
-- a lease; in `completedids` when it was completed, in ms. Its times are those of the server's clock: it is kept when the partition's starts anew.

-- The end of a lease as it is kept, without the outcome; `aheadBy` is how far the partition's clock is ahead, in ms.
local function completedRecord(text, aheadBy)
  if aheadBy == 0 and not string.find(text, '@', 1, true) then return text end
  local retries, at, was, max, claimed, node = string.match(text, '^(%S+) (%d+)@?(%d*) (%d+) (%d+) (.*)$')
  if not node then return text end -- somebody else's hand changed it: shown as damaged
  local shown = was == '' and at - aheadBy or at - was + math.max(was - aheadBy, 0)
  return table.concat({ retries, int(shown), max, int(math.max(claimed - aheadBy, 0)), node }, ' ')
end

-- What was completed before a time goes, and what is more than `keep`: at most 200 that are too many and 200 that are too old at a time. `newest` is the
-- server's time in ms if its clock was ever put back.
local function trimCompleted(before, keep, newest)
  local excess = math.min(call('ZCARD', completedids) - keep, 200)
  -- Lines of a time that is yet to come are from before the clock was put back: of those that are too many they go first, or the newest would.
  local ids = newest and excess > 0 and call('ZRANGEBYSCORE', completedids, '(' .. int(newest), '+inf', 'LIMIT', 0, excess) or {}
  excess = excess - #ids
  local old = call('ZRANGEBYSCORE', completedids, '-inf', '(' .. int(before), 'LIMIT', 0, 200)
  if excess > #old then old = call('ZRANGE', completedids, 0, excess - 1) end
  for _, id in ipairs(old) do ids[#ids + 1] = id end
  if #ids == 0 then return end
  call('ZREM', completedids, unpack(ids))
  call('HDEL', completed, unpack(ids))
end

-- SCHEDULES. The program decides the steps from what it has read; a script makes them if all of that is still so. In `schedules`: schedule → cmsgpack of
-- { stamp (random, anew with each write), 1 if it is paused, the expected occurrence or '', the queued one or '', all of the record but its body (see ScheduleCodec),
-- then the occurrences that began }; and U+001F with the schedule → "<µs> <id>": when the occurrence that it expects was claimed
-- first. In `schedulebodies`: schedule → body. In `scheduleids`: every schedule, all with the score 0.

-- Where an event stands: 's ' and when it is due, 'f ' and its lease, 'd' for a dead letter, or ''.
local function placeOf(id)
  local record = call('HGET', lease, id)
  if record then return 'f ' .. record end
  local at = call('ZSCORE', due, id)
  if at then return 's ' .. at end
  return call('ZSCORE', dead, id) and 'd' or ''
end

-- The record of a schedule, or nil.
local function recordOf(id)
  local packed = call('HGET', schedules, id)
  -- One that somebody else's hand has changed is none: nothing else may stand still for it.
  local ok, record = pcall(cmsgpack.unpack, packed or '')
  if not ok or type(record) ~= 'table' or #record < 5 then return nil end
  for _, field in ipairs(record) do
    if type(field) ~= 'string' then return nil end
  end
  return record
end

-- Whether an event is an occurrence that has not begun.
local function notBegun(id)
  local at = string.find(id, '\31', 1, true)
  local record = at and recordOf(string.sub(id, 1, at - 1))
  return record and (record[3] == id or record[4] == id) or false
end

local function claimField(id)
  local at = string.find(id, '\31', 1, true)
  return at and '\31' .. string.sub(id, 1, at - 1)
end

local function claimOf(field, id)
  local us, claimed = string.match(call('HGET', schedules, field) or '', '^(%d+) (.*)$')
  return claimed == id and us or nil
end

-- Of an expected occurrence that was claimed before, when that was first, in µs, or '': it is noted then.
local function firstClaim(id, us)
  local field = claimField(id)
  if not field then return '' end
  local first = claimOf(field, id)
  if first then return first end
  local record = recordOf(string.sub(field, 2))
  if record and record[3] == id then call('HSET', schedules, field, us .. ' ' .. id) end
  return ''
end

local function forgetClaim(id)
  local field = claimField(id)
  if field and claimOf(field, id) then call('HDEL', schedules, field) end
end

-- EXPIRED LEASES. Their node spent an attempt. The events are due since then, or dead. An occurrence of a schedule that has not begun is handed back.

-- At most 200. Returns how many, how many of them are dead, and which of these were occurrences. For `retention` and `keep` see trimDead.
local function takeBack(retention, keep)
  local found = call('ZRANGEBYSCORE', flight, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, 200)
  local ids = {}
  for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
  if #ids == 0 then return 0, 0, {} end

  local leases = call('HMGET', lease, unpack(ids))
  local former = call('HMGET', tries, unpack(ids))
  local again, deadLettered, spent, remembered, ended, dated = {}, {}, {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local deadline = found[i * 2]
    -- A lease that is missing was deleted by somebody else's hand: it counts as its first attempt, and is not its last.
    local retries, at, max, holder, was = '-', tonumber(deadline), 1, '', nil
    if leases[i] then
      local _
      _, retries, at, max, holder, _, was = readLease(leases[i])
      at, was = dueOf(at, was)
    end
    retries = tonumber(retries) or 0
    local dies = retries >= max
    local isOccurrence = string.find(id, '\31', 1, true)
    if isOccurrence and notBegun(id) then
      again[#again + 1] = at
      again[#again + 1] = id
      if was then
        dated[#dated + 1] = was
        dated[#dated + 1] = id
      end
    else
      local record, field, failure =
        remember(former[i], id, at, 1, retries + 1, dies and retries or retries + 1, holder, 'lease expired')
      spent[#spent + 1] = id
      spent[#spent + 1] = record
      remembered[#remembered + 1] = field
      remembered[#remembered + 1] = failure
      if dies then
        deadLettered[#deadLettered + 1] = now
        deadLettered[#deadLettered + 1] = id
        if isOccurrence then ended[#ended + 1] = id end
        keepPlace(id)
      else
        again[#again + 1] = deadline
        again[#again + 1] = id
      end
    end
  end

  call('ZREM', flight, unpack(ids))
  call('HDEL', lease, unpack(ids))
  if #spent > 0 then
    call('HSET', tries, unpack(spent))
    call('HSET', past, unpack(remembered))
  end
  if #again > 0 then call('ZADD', due, unpack(again)) end
  noteAbsolute(dated)
  if #deadLettered > 0 then
    call('ZADD', dead, unpack(deadLettered))
    trimDead(retention, keep)
  end
  return #ids, #deadLettered / 2, ended
end
