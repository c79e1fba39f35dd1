-- Recurring schedules. The program decides the steps from what it has read; a script makes them if all of that is still so. In `schedules`: schedule → cmsgpack of
-- { stamp (random, anew with each write), 1 if it is paused, the expected occurrence or '', the queued one or '', all of the record but its body (see ScheduleCodec),
-- then the occurrences that began }; and U+001F with the schedule → "<µs> <id>": when the occurrence that it expects was claimed
-- first. In `schedulebodies`: schedule → body. In `scheduleids`: every schedule, all with the score 0.
-- Wants: base; the local `schedules`.
-- Gives: recordOf(id) → the record or nil; notBegun(id of an event) → whether it is an occurrence that has not begun; firstClaim(id of an event, now in µs) → of an
-- expected occurrence that was claimed before, when that was first, or '': it is noted then; forgetClaim(id of an event).
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
