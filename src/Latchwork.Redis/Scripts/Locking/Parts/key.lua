-- The start of a script on one key.
-- Wants: the locals `lock`, `data`, `seal`; what record wants.
-- Gives: r, the record (nil if there is none); sealed (the mark of a move, or false).
-- @include record
local r, sealed
do
  local stored = call('MGET', lock, seal)
  sealed = stored[2]
  if stored[1] then
    local fault
    r, fault = parse(stored[1])
    if fault then return redis.error_reply(fault) end
  end
end
