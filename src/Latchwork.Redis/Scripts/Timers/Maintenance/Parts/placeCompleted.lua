-- Lines of the history that come from elsewhere. Of an id that has one already the later completion stands.
-- Wants: layout or partition; the locals `completed`, `completedids`.
-- Gives: placeCompleted(index in ARGV of the first line: id, when it was completed in ms, record (see completed)).
local function placeCompleted(first)
  local ids = {}
  for i = first, #ARGV, 3 do ids[#ids + 1] = ARGV[i] end
  if #ids == 0 then return end
  local there = call('ZMSCORE', completedids, unpack(ids))
  local places, records = {}, {}
  for i, id in ipairs(ids) do
    local at = first + (i - 1) * 3
    if not there[i] or tonumber(there[i]) < tonumber(ARGV[at + 1]) then
      local n = #places
      places[n + 1], places[n + 2] = ARGV[at + 1], id
      records[n + 1], records[n + 2] = id, ARGV[at + 2]
    end
  end
  if #places == 0 then return end
  call('HSET', completed, unpack(records))
  call('ZADD', completedids, unpack(places))
end
