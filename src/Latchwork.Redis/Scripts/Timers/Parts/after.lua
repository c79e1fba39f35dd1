-- Where to go on in a sorted set, whatever has come and gone since the last piece.
-- Wants: base.
-- Gives: rankAfter(set, score, id).

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
