-- The lease begins anew, but never goes beyond the ceiling.
-- Wants: record.
-- Gives: renew(lease in µs).
local function renew(lease)
  -- At its memory limit Redis refuses a command that takes memory as long as the script has written nothing. This deletes a field that
  -- never exists, so that a renewal, which takes none, goes on. (The flag allow-oom would need Redis 7.)
  call('HDEL', lock, '')
  call('HSET', lock, 'started', int(owner.started), 'expires', int(math.min(nowUs + lease, owner.started + owner.timeout)), 'lease', int(lease))
end
