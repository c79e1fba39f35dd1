-- Takes back events whose lease ran out, moves due events in flight, and says when to ask again.
-- KEYS: meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, completed, completedids, counters, absolute.
-- ARGV: 1 time, 2 format, 3 partitions, 4 channel, 5 node, 6 token, 7 the most events, 8 capacity, 9 held, 10 lease in µs, 11 how long the dead
-- are kept in ms, 12 how many of them, 13 grace of a backup waker in ms, 14 1 to begin with the oldest in a backlog, 15 1 to let others go first, 16 how
-- long completed events are kept in ms (0: the history is not touched), 17 how many of them, 18 the most events with no retry left.
-- Returns {ask again in µs, now in µs, 1 if the partition is new, how many died of an expired lease, its pause or '', {those of them that were
-- occurrences of schedules}, offset of the clock in µs, 1 if it ended before an event with no retry left; for each event: id, due, retries, body, when it was claimed first in µs or
-- '' (see schedules)}.
local meta, due, flight, dead, body, tries, past, lease, claims, nodes, rotation, pollslots, schedules, completed, completedids, counters, absolute = unpack(KEYS)
local channel, node, token = ARGV[4], ARGV[5], ARGV[6]
local most, capacity, held = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
-- @include layout
-- @include clock
-- @include lease
-- @include absolute
-- @include dateAnew
-- @include past
-- @include damaged
-- @include forget
-- @include dead
-- @include roles
-- @include listeners
-- @include schedules
-- @include expire
-- @include completed
-- @include counters
free()

dateAnew()
local deadline = math.ceil((nowUs + tonumber(ARGV[10])) / 1000)
local prefix = leasePrefix(token)
local leaseEnd = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2])
local takenBack, died, ended = 0, 0, {}
if leaseEnd and leaseEnd <= now then
  takenBack, died, ended = takeBack(tonumber(ARGV[11]), tonumber(ARGV[12]))
  leaseEnd = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2])
end
-- Time passes, too; but who only looks evicts nothing.
if died == 0 and most > 0 and call('EXISTS', dead) == 1 then trimDead(tonumber(ARGV[11]), tonumber(ARGV[12])) end
if ARGV[16] ~= '0' and most > 0 then trimCompleted(rawNow - ARGV[16], tonumber(ARGV[17]), ahead > 0 and rawNow) end

-- @include renew
-- @include take
local pollSlot, lastToken = meet()
local ids, dues, retries, bodies, nextDue, isCut
if lastToken == token then
  ids, dues, retries, bodies = renew()
  nextDue = tonumber(call('ZRANGE', due, 0, 0, 'WITHSCORES')[2])
  leaseEnd = tonumber(call('ZRANGE', flight, 0, 0, 'WITHSCORES')[2])
else
  ids, dues, retries, bodies, nextDue, isCut = take(pause == '' and math.min(most, capacity, 200 - takenBack) or 0)
  if #ids > 0 and (not leaseEnd or deadline < leaseEnd) then leaseEnd = deadline end
end
count(DELIVERED, lastToken == token and 0 or #ids)
count(EXPIRED, takenBack)
count(DEAD_LETTERED + 1, died)
local head = nextDue and leaseEnd and math.min(nextDue, leaseEnd) or nextDue or leaseEnd
if pause ~= '' then head = nil end

local reply = {
  arm(pollSlot, #ids, isCut and 0 or capacity - #ids, head), int(nowUs), fresh and 1 or 0, died, pause, ended, int(offsetUs), isCut and 1 or 0,
}
for i, id in ipairs(ids) do
  local at = i * 5 + 4
  reply[at], reply[at + 1], reply[at + 2], reply[at + 3] = id, dues[i], retries[i] == '-' and '0' or retries[i], bodies[i]
  reply[at + 4] = firstClaim(id, int(nowUs))
end
keepRoles()
keepCounts(now)
finish()
return reply
