-- Reads the marks of a namespace that is moved, and replaces them if they are as expected.
-- KEYS: 1 seal, 2 import, 3 the hash of counts.
-- ARGV: nothing to read; to replace 1 seal and 2 import as expected, 3 seal and 4 import as they are to be. '' is no mark; and if counts
-- are to be added 5 runs, 6 takeovers, 7 failures. A namespace that was moved away and is opened again counts anew.
-- Returns {seal, import, 1 if they were replaced}.
local marks = redis.call('MGET', KEYS[1], KEYS[2])
local seal, import = marks[1] or '', marks[2] or ''
if not ARGV[1] or seal ~= ARGV[1] or import ~= ARGV[2] then return { seal, import, 0 } end
for i = 1, 2 do
  if ARGV[i + 2] == '' then redis.call('DEL', KEYS[i]) else redis.call('SET', KEYS[i], ARGV[i + 2]) end
end
if ARGV[3] == '' and string.match(seal, '^%a+') == 'moved' then redis.call('DEL', KEYS[3]) end
for i, name in ipairs({ 'runs', 'takeovers', 'failures' }) do
  if ARGV[i + 4] then redis.call('HINCRBY', KEYS[3], name, ARGV[i + 4]) end
end
return { ARGV[3], ARGV[4], 1 }
