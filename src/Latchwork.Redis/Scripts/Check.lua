-- What the server says of itself. Every part may be forbidden; then there is nothing in its place. (No error either: in the middle of a reply the
-- client takes one for a breach of the protocol, and ends the connection.)
-- KEYS: none.
-- ARGV: names of commands.
-- Returns {time in µs, {INFO server, memory, persistence, replication}, {which of the commands it does not have} or nothing if it does not tell}.
local time = redis.call('TIME')
local info = {}
for i, section in ipairs({ 'server', 'memory', 'persistence', 'replication' }) do
  local said = redis.pcall('INFO', section)
  info[i] = type(said) == 'string' and said
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
