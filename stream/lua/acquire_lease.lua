-- Takes a lease if nobody holds it. ARGV: name, owner, ttl in ms. Returns the new fencing epoch, or nil.
local name, owner, ttl = ARGV[1], ARGV[2], ARGV[3]
if not redis.call('SET', 'lease:' .. name, owner, 'NX', 'PX', ttl) then
  return nil
end
return redis.call('INCR', 'epoch:' .. name)
