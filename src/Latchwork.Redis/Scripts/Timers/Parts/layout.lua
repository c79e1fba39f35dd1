-- The start of every script but those of a move: also refuses a namespace that is being moved, or was moved, to another store.
-- Wants and gives what partition does.
-- @include partition
if state[11] and state[11] ~= '' then return redis.error_reply('LWSEALED ' .. state[11]) end
