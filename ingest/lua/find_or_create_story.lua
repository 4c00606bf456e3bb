-- Finds the stories of documents or creates them: the law of ingest/cluster.py, for all sightings of a call at once.
-- ARGV: window, kept and bucket in ms, stories a slot may hold, bytes of a band's key; the constants of likeness in
-- text/story.py: same, same body, penalty, subject, least pairs, weights of common, rare and number, opposites; then for
-- each sighting: document (16 bytes), language, event time in ms, features, bands one after the other ('' for none).
-- Keys: story:newest; story:buckets (bucket scored by its number); story:{bucket}:documents (document -> story, position),
-- story:{bucket}:stories (story -> event time, documents, features), story:{bucket}:bands (language, band -> stories).
-- Returns for each: story (16 bytes), position, 1 if the document had been placed before.
local window, kept, span = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slot_max, key_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local same, same_body, penalty, subject = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local pairs_min, opposites = tonumber(ARGV[10]), ARGV[14]
local weights = { [0] = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13]) }
local RARE, NUMBER = 1, 2
local newest = tonumber(redis.call('GET', 'story:newest') or 0)
local live = redis.call('ZRANGE', 'story:buckets', 0, -1)

local function key(bucket, part)
  return 'story:' .. bucket .. ':' .. part
end

local function placed(document)
  for _, bucket in ipairs(live) do
    local known = redis.call('HGET', key(bucket, 'documents'), document)
    if known then
      return string.sub(known, 1, 16), struct.unpack('>I4', string.sub(known, 17))
    end
  end
end

local function forget(horizon)
  local kept_buckets = {}
  for _, bucket in ipairs(live) do
    if (tonumber(bucket) + 1) * span <= horizon then
      redis.call('DEL', key(bucket, 'documents'), key(bucket, 'stories'), key(bucket, 'bands'))
      redis.call('ZREM', 'story:buckets', bucket)
    else
      kept_buckets[#kept_buckets + 1] = bucket
    end
  end
  live = kept_buckets
end

local function open(bucket)
  if redis.call('ZADD', 'story:buckets', bucket, bucket) == 1 then
    live = redis.call('ZRANGE', 'story:buckets', 0, -1)
  end
end

-- A telling taken apart: tokens in order and by hash, pairs by hash and their number, whether its title names its body.
local function take_apart(features)
  local told, count = string.byte(features, 1, 2)
  local one = { told = told > 0, order = {}, kind = {}, pairs = {}, pair_count = 0 }
  for at = 3, 2 + 4 * count, 4 do
    local token = string.sub(features, at, at + 2)
    one.order[#one.order + 1] = token
    one.kind[token] = string.byte(features, at + 3)
  end
  for at = 3 + 4 * count, #features, 3 do
    one.pairs[string.sub(features, at, at + 2)] = true
    one.pair_count = one.pair_count + 1
  end
  return one
end

local function leads(one, other)
  for _, token in ipairs(one.order) do
    if one.kind[token] == RARE then
      return other.kind[token] ~= nil
    end
  end
  return true
end

local function opposed(one, other)
  for at = 1, #opposites, 6 do
    local up, down = string.sub(opposites, at, at + 2), string.sub(opposites, at + 3, at + 5)
    local up_one, down_one, up_other, down_other = one.kind[up], one.kind[down], other.kind[up], other.kind[down]
    if (up_one and down_other and not up_other and not down_one)
      or (down_one and up_other and not down_other and not up_one) then
      return true
    end
  end
  return false
end

local function likeness(one, other)
  local shared, alone = 0, 0
  local rare_one, rare_other, number_one, number_other = 0, 0, 0, 0
  for token, kind in pairs(one.kind) do
    local there = other.kind[token]
    if there then
      shared = shared + weights[math.min(kind, there)]
    else
      alone = alone + weights[kind]
      rare_one = rare_one + (kind == RARE and 1 or 0)
      number_one = number_one + (kind == NUMBER and 1 or 0)
    end
  end
  for token, kind in pairs(other.kind) do
    if not one.kind[token] then
      alone = alone + weights[kind]
      rare_other = rare_other + (kind == RARE and 1 or 0)
      number_other = number_other + (kind == NUMBER and 1 or 0)
    end
  end
  local title = math.floor(2000 * shared / (2 * shared + alone)) - penalty * math.min(rare_one, rare_other)
  if not (leads(one, other) or leads(other, one)) then
    title = title - subject
  end
  if (number_one > 0 and number_other > 0) or opposed(one, other) then
    title = 0
  end
  local body, fewer = 0, math.min(one.pair_count, other.pair_count)
  if fewer >= pairs_min and (one.told or other.told) then
    for pair in pairs(one.pairs) do
      body = body + (other.pairs[pair] and 1 or 0)
    end
    body = math.floor(1000 * body / fewer)
    body = body >= same_body and body or 0
  end
  return math.max(title, body, 0)
end

local function most_similar(event, features, fields)
  local best, best_like, best_event
  local own = take_apart(features)
  local first, last = math.floor((event - window) / span), math.floor((event + window) / span)
  for _, bucket in ipairs(live) do
    local number = tonumber(bucket)
    if number >= first and number <= last then
      local seen = {}
      for _, slot in ipairs(redis.call('HMGET', key(bucket, 'bands'), unpack(fields))) do
        for at = 1, slot and #slot or 0, 16 do
          local story = string.sub(slot, at, at + 15)
          if not seen[story] then
            seen[story] = true
            local packed = redis.call('HGET', key(bucket, 'stories'), story)
            local begun = struct.unpack('>d', packed)
            if math.abs(begun - event) <= window then
              local like = likeness(take_apart(string.sub(packed, 13)), own)
              local better = not best or like > best_like
                or (like == best_like and (begun < best_event or (begun == best_event and story < best.story)))
              if like >= same and better then
                best, best_like, best_event = { bucket = bucket, story = story, packed = packed }, like, begun
              end
            end
          end
        end
      end
    end
  end
  return best
end

local out = {}
for at = 15, #ARGV, 5 do
  local document, language, event = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local features, bands = ARGV[at + 3], ARGV[at + 4]
  local story, position = placed(document)
  local again = story and 1 or 0
  if not story then
    story, position = document, 1
    if event > newest then
      newest = event
      redis.call('SET', 'story:newest', ARGV[at + 2])
    end
    if event >= newest - kept then
      forget(newest - kept)
      local own = tostring(math.floor(event / span))
      open(own)
      if #features > 0 then
        local fields = {}
        for i = 1, #bands, key_bytes do
          fields[#fields + 1] = language .. string.sub(bands, i, i + key_bytes - 1)
        end
        local found = most_similar(event, features, fields)
        if found then
          story = found.story
          position = struct.unpack('>I4', string.sub(found.packed, 9, 12)) + 1
          local packed = string.sub(found.packed, 1, 8) .. struct.pack('>I4', position) .. string.sub(found.packed, 13)
          redis.call('HSET', key(found.bucket, 'stories'), story, packed)
        else
          redis.call('HSET', key(own, 'stories'), story, struct.pack('>dI4', event, 1) .. features)
          for _, field in ipairs(fields) do
            local slot = (redis.call('HGET', key(own, 'bands'), field) or '') .. story
            redis.call('HSET', key(own, 'bands'), field, string.sub(slot, -slot_max * 16))
          end
        end
      end
      redis.call('HSET', key(own, 'documents'), document, story .. struct.pack('>I4', position))
    end
  end
  out[#out + 1] = { story, position, again }
end
return out
