-- Looks for schedules that are not paused and have no occurrence that waits or is in flight, and for those that name one that began or waits, and whose event is neither
-- in flight nor scheduled any more: 1,000 schedules and 2,000 events at most, and 50 of either.
-- KEYS: meta, due, dead, lease, schedules, scheduleids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the id of the last before ('' to begin, which does nothing too soon after the last time), 5 how often to begin in ms.
-- Returns {how many schedules there are, now in µs by the server's clock, the id of the last that was looked at or '' (all were, or nothing was done), {id…
-- that has none}, {id… that names one that is gone}}.
local meta, due, dead, lease, schedules, scheduleids = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local total = call('ZCARD', scheduleids)
if total == 0 then return { 0, int(nowUs - offsetUs), '', {}, {} } end
local found = call('HMGET', meta, 'import', 'scheduleswept')
local phase = string.match(found[1] or '', '^%a+')
-- Not while the namespace is moved here: the occurrences are still to come.
if phase == 'importing' or phase == 'closed' then return { total, int(nowUs - offsetUs), '', {}, {} } end
if ARGV[4] == '' then
  if found[2] and found[2] ~= '' and now - tonumber(found[2]) < tonumber(ARGV[5]) then return { total, int(nowUs - offsetUs), '', {}, {} } end
  free()
  change('scheduleswept', int(now))
  finish()
end
local ids = call('ZRANGEBYLEX', scheduleids, ARGV[4] == '' and '-' or '(' .. ARGV[4], '+', 'LIMIT', 0, 1000)
local strays, unclosed, looked, last = {}, {}, 0, #ids == 1000 and ids[1000] or ''
local function isGone(id)
  looked = looked + 1
  local where = string.sub(placeOf(id), 1, 1)
  return where ~= 's' and where ~= 'f'
end
for _, id in ipairs(ids) do
  local record = recordOf(id)
  if record then
    if record[2] ~= '1' and (record[3] == '' or isGone(record[3])) then strays[#strays + 1] = id end
    for k = 4, #record do
      if k ~= 5 and record[k] ~= '' and isGone(record[k]) then
        unclosed[#unclosed + 1] = id
        break
      end
    end
    if #strays == 50 or #unclosed == 50 or looked >= 2000 then
      last = id
      break
    end
  end
end
return { total, int(nowUs - offsetUs), last, strays, unclosed }
