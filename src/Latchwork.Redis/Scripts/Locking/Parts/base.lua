-- What every script of the locker uses.
-- Gives: call, int(n).
local call = redis.call

-- `..` and tostring() would write 1763760000000000 as 1.76376e+15. (A number that is passed to call() is written in full; but by Redis
-- 7.2.0 to 7.2.4 not if it ends with eight zeros.)
local function int(n)
  return string.format('%.0f', n)
end
