-- Takes the lock from its owner, keeps the generation, and rings those who wait. It frees memory first, so that it goes on at the server's
-- memory limit: Redis refuses a command that takes memory only as long as the script has written nothing.
-- Wants: record.
-- Gives: free(generation), keep(at least that long, in µs), ring(channel).
local function free(generation)
  call('DEL', lock)
  call('HSET', last, 'format', ARGV[2], 'generation', generation)
end

local function keep(us)
  local ms = ttl(us)
  if call('PTTL', last) < tonumber(ms) then call('PEXPIRE', last, ms) end
end

-- There is nothing in the message: who hears it asks. A refusal (an ACL) must not end the script half-way.
local function ring(channel)
  redis.pcall('PUBLISH', channel, '')
end
