-- What is stored of an event that failed, was interrupted or was requeued. In `tries`: "<retries> <failures> <due> <reason>", where due and
-- reason are those of its death and mean nothing while it lives; and, if its handlers were interrupted, " <how often>". In `past` the last ten
-- failures, each in a field of its own, so that one more costs the same however long the others are: "<number of the failure modulo 10><id>" → "<attempt> <at>
-- <length of node> <length of error> <node><error>".
-- Wants: layout, clock.
-- Gives: remember(former record of tries or false, id, due, reason, attempt, retries, node, error) → the new record of tries; field and
-- value for `past`. interrupted(former record of tries or false, retries) → the record with one interruption more, how many there are.
local function remember(former, id, at, reason, attempt, retries, node, error)
  local failures = former and tonumber(string.match(former, '^%d+ (%d+)')) or 0
  local interruptions = former and string.match(former, '^%d+ %d+ %d+ %d+( %d+)$') or ''
  return retries .. ' ' .. int(failures + 1) .. ' ' .. int(at) .. ' ' .. reason .. interruptions,
    int(failures % 10) .. id,
    attempt .. ' ' .. int(now) .. ' ' .. #node .. ' ' .. #error .. ' ' .. node .. error
end

local function interrupted(former, retries)
  local record, times = string.match(former or '', '^(%d+ %d+ %d+ %d+) ?(%d*)$')
  times = (tonumber(times) or 0) + 1
  return (record or retries .. ' 0 0 0') .. ' ' .. int(times), times
end
