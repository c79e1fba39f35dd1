-- Wants: layout; the locals `tries`, `past` (see past.lua).
-- Gives: forgetPast(ids): deletes what is stored of their failures, if anything is.
local function forgetPast(ids)
  if call('EXISTS', tries) == 0 then return end
  local records = call('HMGET', tries, unpack(ids))
  local fields = {}
  for i, id in ipairs(ids) do
    local failures = records[i] and tonumber(string.match(records[i], '^%d+ (%d+)')) or 0
    for slot = 0, math.min(failures, 10) - 1 do fields[#fields + 1] = slot .. id end
  end
  call('HDEL', tries, unpack(ids))
  for first = 1, #fields, 400 do call('HDEL', past, unpack(fields, first, math.min(first + 399, #fields))) end
end
