-- Writes down what outlives the owner.
-- Wants: record.
-- Gives: keep(generation, p, length in µs): the highest generation, the last publication as `published` in record (nil: none), and how long
-- to keep both at least.
local function keep(generation, p, us)
  local text = ARGV[2] .. ' ' .. generation
  if p then
    text = text .. ' ' .. p.generation .. ' ' .. p.kind .. ' ' .. p.at .. ' ' .. p.fresh .. ' ' .. p.hand .. ' ' .. p.nonce
  else
    text = text .. ' 0 - 0 0 0 '
  end
  call('SET', last, text, 'PX', ttl(us))
end
