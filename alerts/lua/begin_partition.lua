-- Where to read a partition of `scores` from. ARGV: beginning of the log, end of the log, partition, ...as triples
-- (partition, beginning, end). Returns the position per partition; -1 where Redis is ahead of the log.
local out = {}
for i = 1, #ARGV, 3 do
  local partition, beginning, ending = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local position = tonumber(redis.call('HGET', 'pos', partition) or '-1')
  if position < beginning then
    redis.call('HSET', 'pos', partition, string.format('%d', beginning))
    out[#out + 1] = beginning
  elseif position > ending then
    out[#out + 1] = -1
  else
    out[#out + 1] = position
  end
end
return out
