-- The history: in `completed` a line for each id, "<outcome> <retries or -> <due> <max retries> <claimed at> <node>", which but for the outcome is the end of
-- a lease (see lease); in `completedids` when it was completed, in ms.
-- Wants: layout; the locals `completed`, `completedids`.
-- Gives: trimCompleted(what was completed before goes, in ms; the most to keep): the oldest go, at most 200 at a time (as many as a script can write).
local function trimCompleted(before, keep)
  local ids = call('ZRANGEBYSCORE', completedids, '-inf', '(' .. int(before), 'LIMIT', 0, 200)
  local excess = math.min(call('ZCARD', completedids) - keep, 200)
  if excess > #ids then ids = call('ZRANGE', completedids, 0, excess - 1) end
  if #ids == 0 then return end
  call('ZREM', completedids, unpack(ids))
  call('HDEL', completed, unpack(ids))
end
