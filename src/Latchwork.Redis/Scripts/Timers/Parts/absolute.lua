-- Absolute due times, which are counted on the server's clock. In `absolute`: id → by how much the score in `due` is ahead of what was asked for, in ms: the offset of the
-- partition's clock when it was written down (more, if the time had passed). The offset only grows, so a score is too early, never too late: one that is less ahead
-- than the clock is dated anew before it is taken. It holds scheduled events; of those in flight the lease says it. A partition that never had any pays nothing: `meta` says so.
-- Wants: layout or partition; the local `absolute`.
-- Gives: hasAbsolute, aheadOf(ids) → a list of numbers, false for a delay; noteAbsolute({ahead, id…}), forgetAbsolute(ids).
local hasAbsolute = state[14] == '1'
local function aheadOf(ids)
  return hasAbsolute and #ids > 0 and call('ZMSCORE', absolute, unpack(ids)) or {}
end

local function noteAbsolute(list)
  if #list == 0 then return end
  call('ZADD', absolute, unpack(list))
  if not hasAbsolute then
    change('absolute', 1)
    hasAbsolute = true
  end
end

local function forgetAbsolute(ids)
  if hasAbsolute and #ids > 0 then call('ZREM', absolute, unpack(ids)) end
end
