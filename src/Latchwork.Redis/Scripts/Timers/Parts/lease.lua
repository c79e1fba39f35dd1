-- A lease as it is stored: "<length of token> <token> <retries> <due> <max retries> <claimed at> <node>". Of an absolute time due is
-- "<due>@<how far it is ahead>" (see absolute). Retries is '-' as long as the event has no
-- record in `tries` and `past`. The length in front keeps any text from being taken for a token that is part of it.
-- A record that cannot be read, because somebody else's hand changed it, is nobody's, counts as the first attempt and is not the last.
-- Gives: leasePrefix(token), readLease(record) → token, retries, due, max retries, node, claimed at in ms (0: not known), how far due is
-- ahead of an absolute time or nil; leaseDue(due, that), both as text → as it is written.
local function leasePrefix(token)
  return #token .. ' ' .. token .. ' '
end

local function readLease(record)
  local _, stop, length = string.find(record, '^(%d+) ')
  if not stop then return '', '-', 0, 1, '', 0 end
  local rest = stop + tonumber(length) + 2
  local retries, at, was, max, claimed, node = string.match(record, '^(%S+) (%d+)@?(%d*) (%d+) (%d+) (.*)$', rest)
  if not node then return '', '-', 0, 1, '', 0 end
  return string.sub(record, stop + 1, rest - 2), retries, tonumber(at), tonumber(max), node, tonumber(claimed), tonumber(was)
end

local function leaseDue(at, was)
  return was and at .. '@' .. was or at
end
