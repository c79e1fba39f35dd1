-- Wants: base; the locals `due`, `dead`, `lease`.
-- Gives: placeOf(id) → where an event stands: 's ' and when it is due, 'f ' and its lease (see lease), 'd' for a dead letter, or ''.
local function placeOf(id)
  local record = call('HGET', lease, id)
  if record then return 'f ' .. record end
  local at = call('ZSCORE', due, id)
  if at then return 's ' .. at end
  return call('ZSCORE', dead, id) and 'd' or ''
end
