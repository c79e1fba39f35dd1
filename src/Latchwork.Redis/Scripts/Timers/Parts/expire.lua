-- Events whose lease ran out: their node spent an attempt. They are due since then, or dead. An occurrence of a schedule that has not begun is handed back.
-- Wants: layout, clock, lease, past, dead, damaged, schedules, absolute; the locals `due`, `flight`, `lease`, `tries`, `past`.
-- Gives: takeBack(retention in ms, the most dead to keep) → how many, at most 200, how many of them are dead, and which of these were occurrences.
local function takeBack(retention, keep)
  local found = call('ZRANGEBYSCORE', flight, '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, 200)
  local ids = {}
  for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
  if #ids == 0 then return 0, 0, {} end

  local leases = call('HMGET', lease, unpack(ids))
  local former = call('HMGET', tries, unpack(ids))
  local again, deadLettered, spent, remembered, ended, dated = {}, {}, {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local deadline = found[i * 2]
    -- A lease that is missing was deleted by somebody else's hand: it counts as its first attempt, and is not its last.
    local retries, at, max, holder, was = '-', tonumber(deadline), 1, '', nil
    if leases[i] then
      local _
      _, retries, at, max, holder, _, was = readLease(leases[i])
      at, was = dueOf(at, was)
    end
    retries = tonumber(retries) or 0
    local dies = retries >= max
    local isOccurrence = string.find(id, '\31', 1, true)
    if isOccurrence and notBegun(id) then
      again[#again + 1] = at
      again[#again + 1] = id
      if was then
        dated[#dated + 1] = was
        dated[#dated + 1] = id
      end
    else
      local record, field, failure =
        remember(former[i], id, at, 1, retries + 1, dies and retries or retries + 1, holder, 'lease expired')
      spent[#spent + 1] = id
      spent[#spent + 1] = record
      remembered[#remembered + 1] = field
      remembered[#remembered + 1] = failure
      if dies then
        deadLettered[#deadLettered + 1] = now
        deadLettered[#deadLettered + 1] = id
        if isOccurrence then ended[#ended + 1] = id end
        keepPlace(id)
      else
        again[#again + 1] = deadline
        again[#again + 1] = id
      end
    end
  end

  call('ZREM', flight, unpack(ids))
  call('HDEL', lease, unpack(ids))
  if #spent > 0 then
    call('HSET', tries, unpack(spent))
    call('HSET', past, unpack(remembered))
  end
  if #again > 0 then call('ZADD', due, unpack(again)) end
  noteAbsolute(dated)
  if #deadLettered > 0 then
    call('ZADD', dead, unpack(deadLettered))
    trimDead(retention, keep)
  end
  return #ids, #deadLettered / 2, ended
end
