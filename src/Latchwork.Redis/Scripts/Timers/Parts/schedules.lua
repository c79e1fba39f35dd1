-- Recurring schedules. The program decides the steps from what it has read; a script makes them if all of that is still so. In `schedules`: schedule → cmsgpack of
-- { stamp (random, anew with each write), 1 if it is paused, the expected occurrence or '', the queued one or '', all of the record but its body (see ScheduleCodec),
-- then the occurrences that began }. In `schedulebodies`: schedule → body. In `scheduleids`: every schedule, all with the score 0.
-- Wants: base; the local `schedules`.
-- Gives: recordOf(id) → the record or nil; notBegun(id of an event) → whether it is an occurrence that has not begun.
local function recordOf(id)
  local packed = call('HGET', schedules, id)
  return packed and cmsgpack.unpack(packed) or nil
end

local function notBegun(id)
  local at = string.find(id, '\31', 1, true)
  local record = at and recordOf(string.sub(id, 1, at - 1))
  return record and (record[3] == id or record[4] == id) or false
end
