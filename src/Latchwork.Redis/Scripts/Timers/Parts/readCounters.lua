-- Wants: base; the local `counters` (see counters.lua).
-- Gives: readCounters() → field, value… of those that there are.
local function readCounters()
  local names, found = { 'now', 'base' }, {}
  for i = 0, 59 do names[#names + 1] = 'm' .. i end
  for i = 0, 47 do names[#names + 1] = 'h' .. i end
  for i, value in ipairs(call('HMGET', counters, unpack(names))) do
    if value then
      found[#found + 1] = names[i]
      found[#found + 1] = value
    end
  end
  return found
end
