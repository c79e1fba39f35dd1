-- A page of a sorted set, by (score, id).
-- Wants: layout, recall; the locals `body`, `tries`.
-- Gives: rankAfter(set, score, id), page(set, rank, limit, end or nil) → items, more. Items are id, score, record of
-- tries, failures, body in turn.

-- @include after

-- Cut where the payloads and failures exceed 1 MiB; one always fits.
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
