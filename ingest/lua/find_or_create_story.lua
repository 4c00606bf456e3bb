-- Finds the stories of documents or creates them: the law of ingest/cluster.py, for all sightings of a call at once.
-- ARGV: window, kept and bucket in ms, places a story must share, stories a slot may hold, bytes of a band's key; then
-- for each sighting: document (16 bytes), language, event time in ms, places, bands one after the other ('' for none).
-- Keys: story:newest; story:buckets (bucket scored by its number); story:{bucket}:documents (document -> story, position),
-- story:{bucket}:stories (story -> event time, documents, places), story:{bucket}:bands (language, band -> stories).
-- Returns for each: story (16 bytes), position, 1 if the document had been placed before.
local window, kept, span = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local same, slot_max, key_bytes = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
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

local function equal_places(a, b)
  local equal = 0
  for i = 1, #a do
    if string.byte(a, i) == string.byte(b, i) then
      equal = equal + 1
    end
  end
  return equal
end

local function most_similar(language, event, places, fields)
  local best, best_equal, best_event
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
              local equal = equal_places(places, string.sub(packed, 13))
              local better = not best or equal > best_equal
                or (equal == best_equal and (begun < best_event or (begun == best_event and story < best.story)))
              if equal >= same and better then
                best, best_equal, best_event = { bucket = bucket, story = story, packed = packed }, equal, begun
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
for at = 7, #ARGV, 5 do
  local document, language, event = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local places, bands = ARGV[at + 3], ARGV[at + 4]
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
      if #places > 0 then
        local fields = {}
        for i = 1, #bands, key_bytes do
          fields[#fields + 1] = language .. string.sub(bands, i, i + key_bytes - 1)
        end
        local found = most_similar(language, event, places, fields)
        if found then
          story = found.story
          position = struct.unpack('>I4', string.sub(found.packed, 9, 12)) + 1
          local packed = string.sub(found.packed, 1, 8) .. struct.pack('>I4', position) .. string.sub(found.packed, 13)
          redis.call('HSET', key(found.bucket, 'stories'), story, packed)
        else
          redis.call('HSET', key(own, 'stories'), story, struct.pack('>dI4', event, 1) .. places)
          for _, field in ipairs(fields) do
            local slot = redis.call('HGET', key(own, 'bands'), field) or ''
            if #slot < slot_max * 16 then
              redis.call('HSET', key(own, 'bands'), field, slot .. story)
            end
          end
        end
      end
      redis.call('HSET', key(own, 'documents'), document, story .. struct.pack('>I4', position))
    end
  end
  out[#out + 1] = { story, position, again }
end
return out
