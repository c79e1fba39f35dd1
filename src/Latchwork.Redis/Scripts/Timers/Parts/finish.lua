-- The end of every script that writes: the layout if it is new, and what changed in `meta`, in one write.
-- Wants: layout.
if fresh then
  change('format', ARGV[2])
  change('partitions', ARGV[3])
end
if #changes > 0 then call('HSET', meta, unpack(changes)) end
