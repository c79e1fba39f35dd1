-- Refuses a key whose namespace is being moved, or was moved, to another store. (An owner may end its run while it is being moved.)
-- Wants: key.
if sealed then return redis.error_reply('LWSEALED ' .. sealed) end
