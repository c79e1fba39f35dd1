-- Rings those who wait. There is nothing in the message: who hears it asks. A refusal (an ACL) must not end the script half-way.
-- Gives: ring(channel).
local function ring(channel)
  redis.pcall('PUBLISH', channel, '')
end
