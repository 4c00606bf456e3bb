-- Applies one batch of scores to Redis: all of it or nothing.
--
-- ARGV[1]: msgpack of {
--   gate  = {{partition, first offset of the batch in `scores`, next offset}, ...},
--   claim = seconds a document id is remembered,
--   kept  = {negative documents remembered per series, other documents, seconds},
--   audit = whether counts per series and minute are also kept in `a:{series}`, for a judge to compare,
--   late  = {minutes up to which a late document is detected, minutes up to which it is learned from},
--   docs  = {{origin partition, origin offset, visible ms, appended ms, event minute, document id, copy 0/1,
--             share offset in thousandths, reference (packed, see alerts/references.py),
--             {series, ...}, {negative 0/1, ...}, {p(negative) in thousandths, ...}}, ...}
-- }
-- Returns {counted, duplicates, repeats, late within the window, late within the baseline, later still}.
--
-- 1. Gate: what Redis has applied of each partition of `scores` must reach the batch's first offset, else REWIND: Redis
--    lost something that this process has already read past.
-- 2. Marks: an origin at or below the mark is a repeat and is skipped; one beyond mark + 1 is a GAP: something was lost
--    before, and counting on would hide it. Nothing is written until the whole batch has passed.
-- 3. Claims: a document id already counted from another origin was published twice.
-- 4. Visible time never runs backwards within a partition, so it depends on the log alone.
-- 5. Tails, dirty versions, references, marks, positions.

local batch = cmsgpack.unpack(ARGV[1])

local positions = {}
for _, gate in ipairs(batch.gate) do
  local position = tonumber(redis.call('HGET', 'pos', gate[1]) or '-1')
  if position < gate[2] then
    return redis.error_reply('REWIND partition ' .. gate[1] .. ': Redis has ' .. position .. ', the batch begins at ' .. gate[2])
  end
  if gate[3] > position then positions[gate[1]] = gate[3] end
end

local marks, seen, appended, fresh = {}, {}, {}, {}
local repeats = 0
for i, doc in ipairs(batch.docs) do
  local partition, offset = doc[1], doc[2]
  local mark = marks[partition]
  if mark == nil then
    -- A new installation starts at the first origin it finds, unless begin_partition.lua knows which one that must be.
    mark = tonumber(redis.call('HGET', 'mark', partition) or offset - 1)
    seen[partition] = tonumber(redis.call('HGET', 'seen', partition) or '0')
    appended[partition] = tonumber(redis.call('HGET', 'appended', partition) or '0')
  end
  if offset > mark + 1 then
    return redis.error_reply('GAP partition ' .. partition .. ': origin ' .. offset .. ' follows ' .. mark)
  end
  if offset <= mark then
    repeats = repeats + 1
  else
    mark = offset
    fresh[#fresh + 1] = i
  end
  marks[partition] = mark
end

local tails, order, negatives, others = {}, {}, {}, {}
local counted, duplicates, late_window, late_baseline, later = 0, 0, 0, 0, 0
for _, i in ipairs(fresh) do
  local doc = batch.docs[i]
  local partition, offset, minute, copy = doc[1], doc[2], doc[5], doc[7] == 1
  if doc[3] > seen[partition] then seen[partition] = doc[3] end
  if doc[4] > appended[partition] then appended[partition] = doc[4] end
  if #doc[10] > 0 then
    local claim = 'claim:' .. doc[6]
    local origin = partition .. ':' .. offset
    if not redis.call('SET', claim, origin, 'NX', 'EX', batch.claim) and redis.call('GET', claim) ~= origin then
      duplicates = duplicates + 1
    else
      counted = counted + 1
      local visible = math.floor(seen[partition] / 1000)
      local age = math.floor(visible / 60) - minute
      if age > batch.late[2] then
        later = later + 1
      else
        if age > batch.late[1] then late_baseline = late_baseline + 1
        elseif age > 0 then late_window = late_window + 1 end
        local place = visible .. ':' .. minute
        for s, series in ipairs(doc[10]) do
          local tail = tails[series]
          if not tail then tail = {n = 0, entries = {}, at = {}}; tails[series] = tail; order[#order + 1] = series end
          tail.n = tail.n + 1
          local entry = tail.at[place]
          if not entry then
            entry = {visible, minute, 0, 0, 0, 0, 0}
            tail.at[place] = entry
            tail.entries[#tail.entries + 1] = entry
          end
          local negative, p = doc[11][s], doc[12][s]
          if copy then
            entry[5] = entry[5] + 1
          else
            entry[3] = entry[3] + 1
            entry[4] = entry[4] + negative
            entry[6] = entry[6] + p
            entry[7] = entry[7] + doc[8]
          end
          local list = negative == 1 and negatives or others
          if not list[series] then list[series] = {} end
          table.insert(list[series], struct.pack('<I4I2', visible, p) .. doc[9])
        end
      end
    end
  end
end

for _, series in ipairs(order) do
  local tail, packed = tails[series], {}
  for k, e in ipairs(tail.entries) do
    packed[k] = struct.pack('<I4I4I2I2I2I4i4', e[1], e[2], e[3], e[4], e[5], e[6], e[7])
  end
  redis.call('APPEND', 't:' .. series, table.concat(packed))
  redis.call('HINCRBY', 'dirty', series, tail.n)
  if batch.audit then
    for _, e in ipairs(tail.entries) do
      for name, value in pairs({distinct = e[3], negative = e[4], copies = e[5], mass = e[6]}) do
        if value ~= 0 then redis.call('HINCRBY', 'a:' .. series, e[2] .. ':' .. name, value) end
      end
    end
  end
end
local function remember(prefix, lists, kept)
  for series, list in pairs(lists) do
    local key = prefix .. series
    for from = 1, #list, 1000 do
      redis.call('RPUSH', key, unpack(list, from, math.min(from + 999, #list)))
    end
    redis.call('LTRIM', key, -kept, -1)
    redis.call('EXPIRE', key, batch.kept[3])
  end
end
remember('n:', negatives, batch.kept[1])
remember('o:', others, batch.kept[2])
for partition, mark in pairs(marks) do
  redis.call('HSET', 'mark', partition, string.format('%d', mark))
  redis.call('HSET', 'seen', partition, string.format('%d', seen[partition]))
  redis.call('HSET', 'appended', partition, string.format('%d', appended[partition]))
end
for partition, position in pairs(positions) do
  redis.call('HSET', 'pos', partition, string.format('%d', position))
end
return {counted, duplicates, repeats, late_window, late_baseline, later}
