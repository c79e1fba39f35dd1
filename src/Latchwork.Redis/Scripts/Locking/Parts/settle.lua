-- The clock went back (a failover): a deadline further ahead than its own length was cut to it, and is kept so; else it would be cut again
-- at each look, and never come nearer.
-- Wants: record.
if wentBack then
  call('HDEL', lock, '') -- See free.
  if owner then call('HSET', lock, 'started', int(owner.started), 'expires', int(owner.expires)) end
  if outcome and outcome.kind then call('HSET', last, 'at', int(outcome.at)) end
end
