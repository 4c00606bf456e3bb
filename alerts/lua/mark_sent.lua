-- Takes transitions off the unsent list once the log has them. ARGV: epoch, field, field, ...
if (redis.call('GET', 'epoch:evaluator') or '') ~= ARGV[1] then
  return redis.error_reply('FENCED another evaluator leads')
end
for i = 2, #ARGV do
  redis.call('HDEL', 'unsent', ARGV[i])
end
return #ARGV - 1
