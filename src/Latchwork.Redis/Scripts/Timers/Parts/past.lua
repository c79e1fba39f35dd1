-- What is remembered of an event that failed: in `tries` its retries, in `past` "<due> <reason> <count> " and then the last ten failures,
-- the oldest first, each "<attempt> <at> <length of node> <length of error> <node><error>". Due and reason are those of its death; while
-- it lives they mean nothing. An event is in both hashes or in neither.
-- Wants: layout, clock.
-- Gives: remember(record or false, due, reason, attempt, node, error) → the new record.
local function remember(record, at, reason, attempt, node, error)
  local count, items = 0, ''
  if record then
    local _, stop, n = string.find(record, '^%d+ %d+ (%d+) ')
    count = tonumber(n)
    if count >= 10 then
      local _, head, nodeLength, errorLength = string.find(record, '^%d+ %d+ (%d+) (%d+) ', stop + 1)
      stop = head + nodeLength + errorLength
      count = count - 1
    end
    items = string.sub(record, stop + 1)
  end
  return int(at) .. ' ' .. reason .. ' ' .. (count + 1) .. ' ' .. items
    .. attempt .. ' ' .. int(now) .. ' ' .. #node .. ' ' .. #error .. ' ' .. node .. error
end
