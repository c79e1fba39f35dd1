-- The history: in `completed` a line for each id, "<outcome> <retries or -> <due> <max retries> <claimed at> <node>", which but for the outcome is the end of
-- a lease (see lease); in `completedids` when it was completed, in ms. Its times are those of the server's clock: it is kept when the partition's starts anew.
-- Wants: layout; the locals `completed`, `completedids`.
-- Gives: completedRecord(the end of a lease, how far the partition's clock is ahead in ms) → the record without its outcome; trimCompleted(what was completed before goes, in ms; the most to keep; the server's time in ms if the clock was ever put back): at most 200 that are too many and 200 that are too old at a time.
local function completedRecord(text, by)
  if by == 0 and not string.find(text, '@', 1, true) then return text end
  local retries, at, was, max, claimed, node = string.match(text, '^(%S+) (%d+)@?(%d*) (%d+) (%d+) (.*)$')
  if not node then return text end -- somebody else's hand changed it: shown as damaged
  local shown = was == '' and at - by or at - was + math.max(was - by, 0)
  return table.concat({ retries, int(shown), max, int(math.max(claimed - by, 0)), node }, ' ')
end

local function trimCompleted(before, keep, rawNow)
  local excess = math.min(call('ZCARD', completedids) - keep, 200)
  -- Lines of a time that is yet to come are from before the clock was put back: of those that are too many they go first, or the newest would.
  local ids = rawNow and excess > 0 and call('ZRANGEBYSCORE', completedids, '(' .. int(rawNow), '+inf', 'LIMIT', 0, excess) or {}
  excess = excess - #ids
  local old = call('ZRANGEBYSCORE', completedids, '-inf', '(' .. int(before), 'LIMIT', 0, 200)
  if excess > #old then old = call('ZRANGE', completedids, 0, excess - 1) end
  for _, id in ipairs(old) do ids[#ids + 1] = id end
  if #ids == 0 then return end
  call('ZREM', completedids, unpack(ids))
  call('HDEL', completed, unpack(ids))
end
