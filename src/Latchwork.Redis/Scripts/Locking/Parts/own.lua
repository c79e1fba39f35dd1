-- Writes down who owns the key.
-- Wants: record.
-- Gives: own(o): o as `owner` in record; only `expires` is a number.
local function own(o)
  local text = ARGV[2] .. ' ' .. o.generation .. ' ' .. o.started .. ' ' .. int(o.expires) .. ' ' .. o.lease .. ' ' .. o.timeout .. ' '
    .. o.over .. ' ' .. #o.nonce .. ' ' .. o.nonce .. o.node
  -- The generation outlives the ceiling by as long as the lock may last.
  call('SET', lock, text, 'PX', ttl(o.started + 2 * o.timeout - nowUs))
end
