-- Deletes dead letters for good.
-- KEYS: meta, dead, body, tries, past.
-- ARGV: 1 time, 2 format, 3 partitions; from 4 on for each event: id, time of death or '' (see deadLettered).
-- Returns one digit an event: 0 done, 1 not found.
local meta, dead, body, tries, past = unpack(KEYS)
-- @include layout
-- @include clock
-- @include deadLettered
-- @include forget
local outcomes, ids = deadLettered(4)
if #ids > 0 then
  free()
  call('ZREM', dead, unpack(ids))
  call('HDEL', body, unpack(ids))
  forgetPast(ids)
  finish()
end
return table.concat(outcomes)
