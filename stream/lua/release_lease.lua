-- Gives a lease up if it is held by this owner. ARGV: name, owner. Returns 1 or nil.
if redis.call('GET', 'lease:' .. ARGV[1]) ~= ARGV[2] then
  return nil
end
redis.call('DEL', 'lease:' .. ARGV[1])
return 1
