-- The time now.
-- Wants: base; ARGV[1] = the time in µs, or empty for the server's clock.
-- Gives: nowUs.
local nowUs = tonumber(ARGV[1])
if not nowUs then
  local t = call('TIME')
  nowUs = t[1] * 1000000 + t[2]
end
