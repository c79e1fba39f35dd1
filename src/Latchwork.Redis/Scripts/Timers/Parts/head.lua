-- Wants: layout; the locals `due`, `flight`.
-- Gives: head() → the time in ms of the earliest event or end of a lease, or nil.
local function head()
  local a = tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2])
  local b = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2])
  if a and b then return math.min(a, b) end
  return a or b
end
