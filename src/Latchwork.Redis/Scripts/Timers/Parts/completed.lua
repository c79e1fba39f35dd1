-- The history: in `completed` a line for each id, "<outcome> <retries or -> <due> <max retries> <claimed at> <node>", which but for the outcome is the end of
-- a lease (see lease); in `completedids` when it was completed, in ms. Its times are those of the server's clock: it is kept when the partition's starts anew.
-- Wants: layout; the locals `completed`, `completedids`.
-- Gives: completedRecord(the end of a lease, how far the partition's clock is ahead in ms) → the record without its outcome; trimCompleted(what was completed before goes, in ms; the most to keep): the oldest go, at most 200 at a time (as many as a script can write).
local function completedRecord(text, by)
  if by == 0 and not string.find(text, '@', 1, true) then return text end
  local retries, at, was, max, claimed, node = string.match(text, '^(%S+) (%d+)@?(%d*) (%d+) (%d+) (.*)$')
  if not node then return text end -- somebody else's hand changed it: shown as damaged
  local atBy = was == '' and by or math.max(tonumber(was), by)
  return table.concat({ retries, int(at - (was == '' and 0 or was) + atBy - by), max, int(math.max(claimed - by, 0)), node }, ' ')
end

local function trimCompleted(before, keep)
  local ids = call('ZRANGEBYSCORE', completedids, '-inf', '(' .. int(before), 'LIMIT', 0, 200)
  local excess = math.min(call('ZCARD', completedids) - keep, 200)
  if excess > #ids then ids = call('ZRANGE', completedids, 0, excess - 1) end
  if #ids == 0 then return end
  call('ZREM', completedids, unpack(ids))
  call('HDEL', completed, unpack(ids))
end
