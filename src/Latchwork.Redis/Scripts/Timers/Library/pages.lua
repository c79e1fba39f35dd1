-- Pages of sorted sets, by (score, id), whatever comes and goes between one page and the next.
-- Wants: events.
-- Gives: rankAfter(set, score, id); page(set, rank, limit, end or nil); completedPage(time, id, limit).
-- @include events

-- By bytes, as Redis orders the members of equal score. (Lua's `<` follows the server's locale.)
local function isAfter(a, b)
  local shorter = math.min(#a, #b)
  for i = 1, shorter do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end

-- The rank of the first member after (score, id), though it may have gone meanwhile: a binary search among those of the same score.
local function rankAfter(set, score, id)
  if call('ZSCORE', set, id) == score then return call('ZRANK', set, id) + 1 end
  local low, high = call('ZCOUNT', set, '-inf', '(' .. score), call('ZCOUNT', set, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if isAfter(call('ZRANGE', set, middle, middle)[1], id) then high = middle else low = middle + 1 end
  end
  return low
end

-- Events of one state. Returns items, whether there is more. Items are id, score, record of tries, failures, body in turn: cut where the payloads and
-- failures exceed 1 MiB; one always fits.
local function page(set, rank, limit, last)
  local found = call('ZRANGE', set, rank, rank + limit, 'WITHSCORES')
  local ids, scores = {}, {}
  for i = 1, #found, 2 do
    if last and tonumber(found[i + 1]) > last then break end
    ids[#ids + 1] = found[i]
    scores[#scores + 1] = found[i + 1]
  end
  if #ids == 0 then return {}, false end

  local items, records, bytes, n = {}, call('HMGET', tries, unpack(ids)), 0, 0
  for i, id in ipairs(ids) do
    local failures = recall(id, records[i])
    bytes = bytes + call('HSTRLEN', body, id) - 12 + #failures
    if i > limit or (i > 1 and bytes > 1048576) then break end
    n = i
    local at = i * 5
    items[at - 4], items[at - 3], items[at - 2], items[at - 1] = id, scores[i], records[i] or '', failures
  end
  local bodies = call('HMGET', body, unpack(ids, 1, n))
  for i = 1, n do items[i * 5] = bodies[i] or '' end
  return items, n < #ids
end

-- The history, the last completed first, behind a line (time and id; '' for the first page). Returns {1 if there is more; for each line: id, when it was
-- completed, its record or ''}.
local function completedPage(at, id, limit)
  local total = at == '' and call('ZCARD', completedids) or rankAfter(completedids, at, id)
  -- Lines are listed backwards: the one of the cursor itself may still be there, or not.
  if at ~= '' and call('ZSCORE', completedids, id) == at then total = total - 1 end
  local first = math.max(total - limit, 0)
  local found = total > 0 and call('ZRANGE', completedids, first, total - 1, 'WITHSCORES') or {}
  local reply, ids = { first > 0 and 1 or 0 }, {}
  for i = #found - 1, 1, -2 do ids[#ids + 1] = found[i] end
  local records = #ids > 0 and call('HMGET', completed, unpack(ids)) or {}
  for i, one in ipairs(ids) do
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = one, found[#found - 2 * (i - 1)], records[i] or ''
  end
  return reply
end
