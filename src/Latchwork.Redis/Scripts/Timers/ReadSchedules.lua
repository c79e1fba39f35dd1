-- Reads records of schedules, and where events stand.
-- KEYS: meta, due, dead, lease, schedules, schedulebodies.
-- ARGV: 1 time, 2 format, 3 partitions, 4 1 to read the bodies, too, 5 how many schedules; then the schedules, and then ids of events.
-- Returns {now in µs, {for each schedule: {} or {stamp, 1 if paused, expected or '', queued or '', rest of the record, body or '', id and place of each of its
-- occurrences in turn}}, {for each event: its place (see placeOf)}, offset of the clock in µs}.
local meta, due, dead, lease, schedules, schedulebodies = unpack(KEYS)
-- @include partition
-- @include events
local refusal = openPartition()
if refusal then return refusal end
readClock()
local first = 6 + tonumber(ARGV[5])
local records, places = {}, {}
for i = 6, first - 1 do
  local record = recordOf(ARGV[i])
  local answer = {}
  if record then
    answer = { record[1], record[2], record[3], record[4], record[5], ARGV[4] == '1' and call('HGET', schedulebodies, ARGV[i]) or '' }
    for k = 3, #record do
      if k ~= 5 and record[k] ~= '' then
        answer[#answer + 1] = record[k]
        answer[#answer + 1] = placeOf(record[k])
      end
    end
  end
  records[i - 5] = answer
end
for i = first, #ARGV do places[i - first + 1] = placeOf(ARGV[i]) end
return { int(nowUs), records, places, int(offsetUs) }
