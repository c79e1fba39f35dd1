-- Examines the events in one state, a page at a time, and repairs what is wrong with them in the same step.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 the state: 0 scheduled, 1 in flight, 2 dead; 5 score and 6 id of the last before ('' for the first
-- page), 7 1 to repair.
-- Returns {{id, score… of the page}, {what is wrong, id…}}: 'missing' (no payload: removed), 'several' (in several states: one is kept),
-- 'unleased' (in flight without a lease: due now), 'leased' (a lease though not in flight: dropped), 'over' (its lease ran out ten minutes ago;
-- never repaired here: whoever listens takes it back).
local meta, due, flight, dead, body, tries, past, lease, absolute = unpack(KEYS)
-- @include partition
-- @include events
-- @include pages
local refusal = openPartition(true)
if refusal then return refusal end
readClock()
local set = ARGV[4] == '0' and due or ARGV[4] == '1' and flight or dead
local rank = ARGV[5] == '' and 0 or rankAfter(set, ARGV[5], ARGV[6])
local listed = call('ZRANGE', set, rank, rank + 99, 'WITHSCORES')
local found, repairs = {}, ARGV[7] == '1'
if repairs then
  free()
end
local function note(what, id)
  found[#found + 1] = what
  found[#found + 1] = id
end
for i = 1, #listed, 2 do
  local id = listed[i]
  local scheduled, flies, died, held = call('ZSCORE', due, id), call('ZSCORE', flight, id), call('ZSCORE', dead, id), call('HEXISTS', lease, id) == 1
  local isFirst = ARGV[4] == '0' or ARGV[4] == '1' and not scheduled or ARGV[4] == '2' and not scheduled and not flies
  if not isFirst then
    -- It was looked at as one in another state.
  elseif call('HSTRLEN', body, id) == 0 then
    note('missing', id)
    if repairs then
      call('ZREM', due, id)
      forgetAbsolute({ id })
      call('ZREM', flight, id)
      call('ZREM', dead, id)
      call('HDEL', lease, id)
      forgetPast({ id })
    end
  elseif (scheduled and 1 or 0) + (flies and 1 or 0) + (died and 1 or 0) > 1 then
    note('several', id)
    if repairs then
      -- Alive rather than dead, and where somebody may be at work on it rather than elsewhere.
      if flies and (held or not scheduled) then
        call('ZREM', due, id)
        forgetAbsolute({ id })
      else
        call('ZREM', flight, id)
        call('HDEL', lease, id)
      end
      call('ZREM', dead, id)
    end
  elseif flies and not held then
    note('unleased', id)
    if repairs then
      call('ZREM', flight, id)
      call('ZADD', due, int(now), id)
      forgetAbsolute({ id })
    end
  elseif held and not flies then
    note('leased', id)
    if repairs then call('HDEL', lease, id) end
  elseif flies and tonumber(flies) < now - 600000 then
    note('over', id)
  end
end
if #changes > 0 then
  finish()
end
return { listed, found }
