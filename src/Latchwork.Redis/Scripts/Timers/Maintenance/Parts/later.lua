-- Wants: base.
-- Gives: later(failure as it is stored (see past), span in ms) → the same, recorded so much later: by a partition's clock that is ahead of where it was recorded.
local function later(failure, span)
  if span == 0 then return failure end
  local attempt, at, rest = string.match(failure, '^(%d+) (%d+)( .*)$')
  return attempt and attempt .. ' ' .. int(at + span) .. rest or failure
end
