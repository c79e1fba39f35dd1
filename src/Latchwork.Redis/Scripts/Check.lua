-- What the server says of itself. Every part may be forbidden; then there is an error in its place.
-- KEYS: none.
-- ARGV: names of commands.
-- Returns {time in µs, {INFO server, memory, persistence, replication}, {which of the commands it does not have} or nothing if it does not tell}.
local time = redis.call('TIME')
local info = {}
for i, section in ipairs({ 'server', 'memory', 'persistence', 'replication' }) do
  info[i] = redis.pcall('INFO', section)
end

local known = redis.pcall('COMMAND', 'INFO', unpack(ARGV))
local missing = false
if type(known) == 'table' and not known.err then
  missing = {}
  for i, name in ipairs(ARGV) do
    if not known[i] then missing[#missing + 1] = name end
  end
end
return { string.format('%.0f', time[1] * 1000000 + time[2]), info, missing }
