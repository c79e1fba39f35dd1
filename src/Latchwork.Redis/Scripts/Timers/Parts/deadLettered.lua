-- Which of the given deaths there are: (id, time of death or '') pairs among ARGV. A time is as it is shown, by the server's clock; or '=' and how it is stored.
-- Wants: layout, clock; the local `dead`.
-- Gives: deadLettered(first) → outcomes (one digit each: 0 there, 1 not), the ids that are there.
local function deadLettered(first)
  local ids, outcomes, there, seen = {}, {}, {}, {}
  for i = first, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
  local scores = call('ZMSCORE', dead, unpack(ids))
  for i, id in ipairs(ids) do
    local wanted = ARGV[first + i * 2 - 1]
    if scores[i] and not seen[id] and (wanted == '' or (tonumber(string.match(wanted, '^=(.*)$')) or tonumber(wanted) + ahead) == tonumber(scores[i])) then
      outcomes[i] = '0'
      seen[id] = true
      there[#there + 1] = id
    else
      outcomes[i] = '1'
    end
  end
  return outcomes, there
end
