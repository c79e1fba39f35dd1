-- Refuses to touch a partition whose layout it does not know, before anything is written.
-- Wants: the local `meta`; ARGV[2] = format, ARGV[3] = number of partitions.
-- Gives: call, int(n), state (the fields of `meta`), fresh (the partition was never written), change(field of `meta`, value): is written by finish; free(), finish().
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

-- The first write of every script but post. At its memory limit Redis refuses a script's command that takes memory only as long as the
-- script has written nothing: this deletes a field that never exists, and what follows may free first and take afterwards. (The flag
-- allow-oom would need Redis 7.) Also, a server that accepts no writes at all says so here, before anything has changed.
local function free()
  call('HDEL', meta, '')
end

-- The end of every script that writes: the layout if it is new, and what changed in `meta`, in one write.
local function finish()
  if fresh then
    change('format', ARGV[2])
    change('partitions', ARGV[3])
  end
  if #changes > 0 then call('HSET', meta, unpack(changes)) end
end
