-- The lease begins anew, but never goes beyond the ceiling.
-- Wants: record, own.
-- Gives: renew(lease in µs, as text).
local function renew(lease)
  owner.expires, owner.lease = math.min(nowUs + lease, owner.started + owner.timeout), lease
  -- @include free
  own(owner)
end
