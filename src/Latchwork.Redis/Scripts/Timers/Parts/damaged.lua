-- What is stored of an event may have been changed or deleted by somebody else's hand, or evicted.
-- Wants: layout or partition, clock, past, absolute; the locals `due`, `dead`, `body`, `tries`, `past`.
-- Gives: isIntact(body or false), deadLetter(id, who found it), keepPlace(id).

-- A body: retries in 7 digits, length of the headers in 5, the headers, which are pairs of texts, each after its length in two bytes; the payload.
local function isIntact(stored)
  local headers = string.match(stored or '', '^%d%d%d%d%d%d%d(%d%d%d%d%d)')
  if not headers then return false end
  local at, stop, texts = 13, 12 + tonumber(headers), 0
  if stop > #stored then return false end
  while at < stop do
    local high, low = string.byte(stored, at, at + 1)
    at = at + 2 + high * 256 + low
    texts = texts + 1
  end
  return at == stop + 1 and texts % 2 == 0
end

-- A dead letter without a body would be taken for nothing by whoever posts, cancels or examines its id: something stands in its place.
local function keepPlace(id)
  if call('HSTRLEN', body, id) == 0 then call('HSET', body, id, '?') end
end

-- Scheduled → dead: it could not be delivered as it was posted.
local function deadLetter(id, who)
  local record = call('HGET', tries, id) or ''
  local retries = tonumber(string.match(record, '^%d+')) or 0
  local former = string.match(record, '^%d+ %d+ %d+ %d+') and record or false
  local at = call('ZSCORE', due, id) or now
  local spent, field, failure = remember(former, id, tonumber(at), 4, retries + 1, retries, who, 'What is stored of the event cannot be read.')
  call('ZREM', due, id)
  forgetAbsolute({ id })
  call('ZADD', dead, int(now), id)
  keepPlace(id)
  call('HSET', tries, id, spent)
  call('HSET', past, field, failure)
end
