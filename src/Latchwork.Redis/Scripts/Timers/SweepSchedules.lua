-- Looks for schedules that are not paused and have no occurrence that waits or is in flight: 1,000 schedules at most, and 50 that have none.
-- KEYS: meta, due, dead, lease, schedules, scheduleids.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the id of the last before ('' to begin, which does nothing too soon after the last time), 5 how often to begin in ms.
-- Returns {how many schedules there are, now in µs by the server's clock, the id of the last that was looked at or '' (all were, or nothing was done), id…}.
local meta, due, dead, lease, schedules, scheduleids = unpack(KEYS)
-- @include layout
-- @include clock
-- @include schedules
-- @include places
local total = call('ZCARD', scheduleids)
if total == 0 then return { 0, int(nowUs - offsetUs), '' } end
local found = call('HMGET', meta, 'import', 'scheduleswept')
local phase = string.match(found[1] or '', '^%a+')
-- Not while the namespace is moved here: the occurrences are still to come.
if phase == 'importing' or phase == 'closed' then return { total, int(nowUs - offsetUs), '' } end
if ARGV[4] == '' then
  if found[2] and found[2] ~= '' and now - tonumber(found[2]) < tonumber(ARGV[5]) then return { total, int(nowUs - offsetUs), '' } end
  -- @include free
  change('scheduleswept', int(now))
  -- @include finish
end
local ids = call('ZRANGEBYLEX', scheduleids, ARGV[4] == '' and '-' or '(' .. ARGV[4], '+', 'LIMIT', 0, 1000)
local strays, last = {}, #ids == 1000 and ids[1000] or ''
for _, id in ipairs(ids) do
  local record = recordOf(id)
  local where = record and record[3] ~= '' and string.sub(placeOf(record[3]), 1, 1) or ''
  if record and record[2] ~= '1' and where ~= 's' and where ~= 'f' then
    strays[#strays + 1] = id
    if #strays == 50 then
      last = id
      break
    end
  end
end
return { total, int(nowUs - offsetUs), last, unpack(strays) }
