-- Prolongs a lease that is still held under the same epoch. ARGV: name, owner, ttl in ms, epoch. Returns 1 or nil.
local name, owner, ttl, epoch = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('GET', 'epoch:' .. name) ~= epoch then
  return nil
end
local holder = redis.call('GET', 'lease:' .. name)
-- An expired lease that nobody took is still ours: the epoch has not moved.
if holder and holder ~= owner then
  return nil
end
redis.call('SET', 'lease:' .. name, owner, 'PX', ttl)
return 1
