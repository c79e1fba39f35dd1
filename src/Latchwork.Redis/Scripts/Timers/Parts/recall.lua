-- Wants: layout; the local `past` (see past.lua).
-- Gives: recall(id, record of tries or false) → its last failures in one text, the oldest first.
local function recall(id, record)
  local failures = record and tonumber(string.match(record, '^%d+ (%d+)')) or 0
  if failures == 0 then return '' end
  local fields = {}
  for i = math.max(failures - 10, 0), failures - 1 do fields[#fields + 1] = int(i % 10) .. id end
  local found = call('HMGET', past, unpack(fields))
  for i = 1, #found do found[i] = found[i] or '' end
  return table.concat(found)
end
