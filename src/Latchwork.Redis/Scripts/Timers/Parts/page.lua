-- A page of a sorted set, by (score, id).
-- Wants: layout; the locals `body`, `tries`, `past`.
-- Gives: rankAfter(set, score, id), page(set, rank, limit, end or nil) → items, more. Items are id, score, retries, past, body in turn.

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

-- Cut where the payloads and failures exceed 1 MiB; one always fits.
local function page(set, rank, limit, last)
  local found = call('ZRANGE', set, rank, rank + limit, 'WITHSCORES')
  local ids, scores, bytes, more = {}, {}, 0, false
  for i = 1, #found, 2 do
    local id, score = found[i], found[i + 1]
    if last and tonumber(score) > last then break end
    bytes = bytes + call('HSTRLEN', body, id) - 12 + call('HSTRLEN', past, id)
    if #ids == limit or (#ids > 0 and bytes > 1048576) then
      more = true
      break
    end
    ids[#ids + 1] = id
    scores[#scores + 1] = score
  end
  local items = {}
  if #ids > 0 then
    local bodies = call('HMGET', body, unpack(ids))
    local retries = call('HMGET', tries, unpack(ids))
    local pasts = call('HMGET', past, unpack(ids))
    for i, id in ipairs(ids) do
      local at = i * 5
      items[at - 4], items[at - 3], items[at - 2], items[at - 1], items[at] = id, scores[i], retries[i] or '0', pasts[i] or '', bodies[i] or ''
    end
  end
  return items, more
end
