-- Where to read partitions of `scores` from. ARGV: for each partition its number, beginning and end of its log of `scores`,
-- beginning and end of its log of `documents`.
-- Returns for each the position; -1 where Redis has counted more of `scores` than there is, -2 where more of `documents`.
local out = {}
for i = 1, #ARGV, 5 do
  local partition, beginning, ending = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local position = tonumber(redis.call('HGET', 'pos', partition) or '-1')
  local mark = tonumber(redis.call('HGET', 'mark', partition) or '-1')
  if position > ending then
    out[#out + 1] = -1
  elseif mark >= tonumber(ARGV[i + 4]) then
    out[#out + 1] = -2
  else
    if position < beginning then
      position = beginning
      redis.call('HSET', 'pos', partition, string.format('%d', beginning))
    end
    -- Logs that have lost nothing begin with origin 0; without this mark counting would start at any origin it found.
    if beginning == 0 and ARGV[i + 3] == '0' then
      redis.call('HSETNX', 'mark', partition, '-1')
    end
    out[#out + 1] = position
  end
end
return out
