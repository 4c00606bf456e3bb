-- Writes what the evaluator found between two event times: all of it or nothing.
--
-- ARGV[1]: msgpack of {
--   epoch  = fencing epoch of the leader,
--   from   = evaluated_until that the leader started from ('' on a new installation),
--   to     = evaluated_until it has reached, seconds,
--   book   = packed book,
--   states = {series, packed state, ...},
--   trims  = {{series, its tail as it was read, what is left of that, dirty version read}, ...},
--   unsent = {field, transition as JSON, ...}
-- }
-- Errors: FENCED when another leader has taken over; STALE when Redis is not where the leader left it, or a tail does not
-- begin with what was read of it (Redis went back: what it lost will be counted again, and must not be evaluated twice).

local commit = cmsgpack.unpack(ARGV[1])
if (redis.call('GET', 'epoch:evaluator') or '') ~= tostring(commit.epoch) then
  return redis.error_reply('FENCED another evaluator leads')
end
if (redis.call('GET', 'evaluated') or '') ~= commit.from then
  return redis.error_reply('STALE Redis is not where the evaluator left it')
end
for _, trim in ipairs(commit.trims) do
  if string.sub(redis.call('GET', 't:' .. trim[1]) or '', 1, #trim[2]) ~= trim[2] then
    return redis.error_reply('STALE the tail of ' .. trim[1] .. ' is not what the evaluator read')
  end
end
for i = 1, #commit.states, 2 do
  redis.call('SET', 'w:' .. commit.states[i], commit.states[i + 1])
end
for _, trim in ipairs(commit.trims) do
  local key = 't:' .. trim[1]
  local tail = redis.call('GET', key) or ''
  -- What was appended since the leader read stays, behind what is not visible yet.
  local left = trim[3] .. string.sub(tail, #trim[2] + 1)
  if #left == 0 then redis.call('DEL', key) else redis.call('SET', key, left) end
  -- The mark is cleared only at the version that was read, or a wake-up is lost.
  if #left == 0 and redis.call('HGET', 'dirty', trim[1]) == trim[4] then
    redis.call('HDEL', 'dirty', trim[1])
  end
end
for i = 1, #commit.unsent, 2 do
  redis.call('HSET', 'unsent', commit.unsent[i], commit.unsent[i + 1])
end
redis.call('SET', 'book', commit.book)
redis.call('SET', 'evaluated', commit.to)
return #commit.trims
