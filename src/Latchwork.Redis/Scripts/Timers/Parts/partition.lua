-- Refuses to touch a partition whose layout it does not know, before anything is written.
-- Wants: the local `meta`; ARGV[2] = format, ARGV[3] = number of partitions.
-- Gives: call, int(n), state (the fields of `meta`), fresh (the partition was never written), changes (fields to write, see finish).
-- @include base
local state = call('HMGET', meta, 'format', 'partitions', 'last', 'offset', 'big', 'primary', 'armed', 'backup', 'by', 'seq', 'seal', 'since', 'pause', 'absolute')
local fresh = not state[1]
if not fresh and (state[1] ~= ARGV[2] or state[2] ~= ARGV[3]) then
  return redis.error_reply('LWLAYOUT format=' .. state[1] .. ' partitions=' .. (state[2] or '?'))
end

local changes = {}
local function change(field, value)
  changes[#changes + 1] = field
  changes[#changes + 1] = value
end
