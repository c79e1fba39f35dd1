-- Keeps dead letters within their limits: at most 200 go at a time (as many as a script can dead-letter), and they are counted.
-- Wants: layout, clock, forget; the locals `dead`, `body`.
-- Gives: trimDead(retention in ms, the most to keep).
local function trimDead(retention, keep)
  local ids = call('ZRANGEBYSCORE', dead, '-inf', '(' .. int(now - retention), 'LIMIT', 0, 200)
  local excess = math.min(call('ZCARD', dead) - keep, 200)
  if excess > #ids then ids = call('ZRANGE', dead, 0, excess - 1) end
  if #ids == 0 then return end
  call('ZREM', dead, unpack(ids))
  call('HDEL', body, unpack(ids))
  forgetPast(ids)
  call('HINCRBY', meta, 'trimmed', #ids)
end
