-- Whether the lock is still that owner's: it may be renewed, published and released after its lease ran out, until somebody takes it over
-- or its ceiling is reached.
-- Wants: record.
-- Gives: owns(generation or '', nonce or '').
local function owns(generation, nonce)
  return owner and (generation == '' or owner.generation == generation) and (nonce == '' or owner.nonce == nonce)
end
