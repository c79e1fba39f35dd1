-- The clock went back (a failover): a deadline further ahead than its own length was cut to it, and is kept so; else it would be cut again
-- at each look, and never come nearer.
-- Wants: record, own, keep.
if wentBack then
  if owner then
    -- @include free
    own(owner)
  end
  if published then
    local ms = call('PTTL', last)
    call('DEL', last) -- As in free.
    keep(int(highest), published, math.max(ms * 1000, left))
  end
end
