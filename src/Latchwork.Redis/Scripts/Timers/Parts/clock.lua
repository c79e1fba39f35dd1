-- The partition's clock: it never goes back. If the server's clock does (a failover), the difference becomes an offset from then on.
-- Wants: layout; ARGV[1] = the time in µs, or empty for the server's clock.
-- Gives: nowUs, now (whole milliseconds, rounded down), rawNow (the same by the server's clock), offsetUs (by how much the server's clock has gone back in all), ahead (that in milliseconds, rounded up), dueAt(text),
-- dueOf(score, how far it is ahead of an absolute time, or nil) → both as they are by now.
-- @include time

local offsetUs = tonumber(state[4]) or 0
do
  local last = tonumber(state[3]) or 0
  nowUs = nowUs + offsetUs
  if nowUs < last then
    offsetUs = offsetUs + last - nowUs
    change('offset', int(offsetUs))
    nowUs = last
  elseif nowUs - last >= 50000 then
    -- Not at every step: one write of `meta` in 50 ms is enough to notice a clock that goes back.
    change('last', int(nowUs))
  end
end
local now = math.floor(nowUs / 1000)
local rawNow = math.floor((nowUs - offsetUs) / 1000)
local ahead = math.ceil(offsetUs / 1000)

-- A due time in milliseconds, rounded up, and of an absolute one how far that is ahead of the server's clock (see absolute). The text is a delay in µs, or an absolute time in µs
-- below zero; a passed time means now.
local function dueAt(text)
  local n = tonumber(text)
  if n >= 0 then return math.ceil((nowUs + n) / 1000) end
  local raw = math.ceil(-n / 1000)
  local at = math.max(raw + ahead, now)
  return at, at - raw
end

-- When an event is due: never before the server's clock has reached an absolute time, whatever the offset was when that was written down.
local function dueOf(at, was)
  if not was then return at end
  local by = math.max(was, ahead)
  return at - was + by, by
end
