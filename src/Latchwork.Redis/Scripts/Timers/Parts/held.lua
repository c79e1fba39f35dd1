-- Which of the given deliveries are alive: (id, token) pairs among ARGV.
-- Wants: layout, lease; the locals `body`, `lease`.
-- Gives: held(first, width, again) → outcomes (one digit each), live (a list of {index, id, record, position of the retries in the record}).
-- `first` is the index of the first id, `width` the number of arguments a delivery has, `again` the outcome of an id that comes twice
-- (false: no difference). 0 = done, 1 = not found, 3 = stale.
local function held(first, width, again)
  local ids, outcomes, live, seen = {}, {}, {}, {}
  for i = first, #ARGV, width do ids[#ids + 1] = ARGV[i] end
  local records = call('HMGET', lease, unpack(ids))
  local token, prefix
  for i, id in ipairs(ids) do
    local record = records[i]
    if ARGV[first + (i - 1) * width + 1] ~= token then
      token = ARGV[first + (i - 1) * width + 1]
      prefix = leasePrefix(token)
    end
    if seen[id] then
      outcomes[i] = again
    elseif record and string.sub(record, 1, #prefix) == prefix then
      outcomes[i] = '0'
      live[#live + 1] = { i, id, record, #prefix + 1 }
      if again then seen[id] = true end
    elseif record or call('HSTRLEN', body, id) > 0 then
      outcomes[i] = '3'
    else
      outcomes[i] = '1'
    end
  end
  return outcomes, live
end
