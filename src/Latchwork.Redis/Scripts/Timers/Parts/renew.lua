-- The reply to a claim was lost: the same events once more, as far as they are still its own.
-- Wants: layout, clock, lease; the locals `flight`, `body`, `lease`, `claims`, `node`, `prefix` (of the lease), `deadline`.
-- Gives: renew() → ids, due times, retries, bodies.
local function renew()
  local ids, ends, records = {}, {}, {}
  local stored = call('HGET', claims, node)
  local given = stored and cmsgpack.unpack(stored) or {}
  if #given > 0 then
    for i, record in ipairs(call('HMGET', lease, unpack(given))) do
      if record and string.sub(record, 1, #prefix) == prefix then
        ids[#ids + 1] = given[i]
        records[#records + 1] = record
        ends[#ends + 1] = deadline
        ends[#ends + 1] = given[i]
      end
    end
  end
  if #ids == 0 then return {}, {}, {}, {} end
  call('ZADD', flight, 'GT', unpack(ends))
  local dues, retries = {}, {}
  for i, record in ipairs(records) do
    local _, spent, at, _, _, _, was = readLease(record)
    dues[i], retries[i] = int(dueOf(at, was)), spent
  end
  return ids, dues, retries, call('HMGET', body, unpack(ids))
end
