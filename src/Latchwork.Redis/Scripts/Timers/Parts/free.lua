-- The first write of every script but post. At its memory limit Redis refuses a script's command that takes memory only as long as the
-- script has written nothing: this deletes a field that never exists, and what follows may free first and take afterwards. (The flag
-- allow-oom would need Redis 7.) Also, a server that accepts no writes at all says so here, before anything has changed.
call('HDEL', meta, '')
