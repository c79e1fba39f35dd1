-- Absolute times that were written down before the offset of the partition's clock grew.
-- Wants: clock, absolute; the local `due`.
-- Gives: dateAnew(): at most 200 of them get the time that they have by now. date({id, raw due time…}): these do.
local function date(early)
  local places, aheads = {}, {}
  for i = 1, #early, 2 do
    places[i], places[i + 1] = early[i + 1] + ahead, early[i]
    aheads[i], aheads[i + 1] = ahead, early[i]
  end
  if #places == 0 then return end
  call('ZADD', due, 'XX', unpack(places))
  call('ZADD', absolute, 'XX', unpack(aheads))
end

local function dateAnew()
  if ahead == 0 or not hasAbsolute then return end
  local found = call('ZRANGEBYSCORE', absolute, '-inf', '(' .. int(ahead), 'WITHSCORES', 'LIMIT', 0, 200)
  local ids, early, lost = {}, {}, {}
  for i = 1, #found, 2 do ids[#ids + 1] = found[i] end
  if #ids == 0 then return end
  for i, at in ipairs(call('ZMSCORE', due, unpack(ids))) do
    if at then
      early[#early + 1] = ids[i]
      early[#early + 1] = at - found[i * 2]
    else
      lost[#lost + 1] = ids[i] -- by somebody else's hand
    end
  end
  date(early)
  forgetAbsolute(lost)
end
