-- A page of the history, the last completed first.
-- Wants: layout; the locals `completed`, `completedids`.
-- Gives: completedPage(time and id of the last line before ('' for the first page), limit) → {1 if there is more; for each line: id, when it was completed, its
-- record or ''}.
-- @include after
local function completedPage(at, id, limit)
  local count = at == '' and call('ZCARD', completedids) or rankAfter(completedids, at, id)
  -- Lines are listed backwards: the one of the cursor itself may still be there, or not.
  if at ~= '' and call('ZSCORE', completedids, id) == at then count = count - 1 end
  local first = math.max(count - limit, 0)
  local found = count > 0 and call('ZRANGE', completedids, first, count - 1, 'WITHSCORES') or {}
  local reply, ids = { first > 0 and 1 or 0 }, {}
  for i = #found - 1, 1, -2 do ids[#ids + 1] = found[i] end
  local records = #ids > 0 and call('HMGET', completed, unpack(ids)) or {}
  for i, one in ipairs(ids) do
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = one, found[#found - 2 * (i - 1)], records[i] or ''
  end
  return reply
end
