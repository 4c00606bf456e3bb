-- Saves where a source is, together with what it has published: all or nothing, and only by its owner.
-- ARGV: source, epoch, fields of the cursor (JSON), days kept before the newest, then day, id (16 bytes), day, id, ...
-- Keys: epoch:source:{source}; source:{source}:cursor; source:{source}:days (day scored by itself);
-- source:{source}:seen:{day} (ids). Returns how many ids were new.
local source, epoch, cursor, kept = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('GET', 'epoch:source:' .. source) ~= epoch then
  return redis.error_reply('FENCED another process owns this source')
end
redis.call('SET', 'source:' .. source .. ':cursor', cursor)
local days = 'source:' .. source .. ':days'
local new = 0
for at = 5, #ARGV, 2 do
  new = new + redis.call('SADD', 'source:' .. source .. ':seen:' .. ARGV[at], ARGV[at + 1])
  redis.call('ZADD', days, ARGV[at], ARGV[at])
end
local newest = redis.call('ZRANGE', days, -1, -1)[1]
if newest then
  for _, day in ipairs(redis.call('ZRANGEBYSCORE', days, '-inf', '(' .. (tonumber(newest) - kept))) do
    redis.call('DEL', 'source:' .. source .. ':seen:' .. day)
    redis.call('ZREM', days, day)
  end
end
return new
