"""What Valkey does at a stroke, in its own language.

``KEYS`` are: the answer, the questions of its scope, when each key expires, how many bytes it has, and their sum.
"""

from __future__ import annotations

KEEP = """
local expiries, sizes, total = KEYS[3], KEYS[4], KEYS[5]
local value, record, ttl_ms, most_bytes, most_records = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function charge(key, bytes)
  bytes = bytes + 2 * #key
  redis.call('INCRBY', total, bytes - tonumber(redis.call('HGET', sizes, key) or '0'))
  redis.call('HSET', sizes, key, bytes)
  redis.call('ZADD', expiries, now + ttl_ms, key)
end
local function drop(key)
  redis.call('UNLINK', key)
  redis.call('DECRBY', total, tonumber(redis.call('HGET', sizes, key) or '0'))
  redis.call('HDEL', sizes, key)
  redis.call('ZREM', expiries, key)
end
redis.call('SET', KEYS[1], value, 'PX', ttl_ms)
charge(KEYS[1], #value)
if #record > 0 then
  local length = redis.call('APPEND', KEYS[2], record)
  if length > most_records * #record then
    local kept = redis.call('GETRANGE', KEYS[2], length - math.ceil(most_records * 3 / 4) * #record, -1)
    redis.call('SET', KEYS[2], kept)
    length = #kept
  end
  redis.call('PEXPIRE', KEYS[2], ttl_ms)
  charge(KEYS[2], length)
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now, 'LIMIT', 0, 1000)) do drop(key) end
while tonumber(redis.call('GET', total)) > most_bytes do
  local oldest = redis.call('ZRANGE', expiries, 0, 0)
  if #oldest == 0 then break end
  drop(oldest[1])
end
for _, key in ipairs({expiries, sizes, total}) do redis.call('PEXPIRE', key, ttl_ms) end
return tonumber(redis.call('GET', total) or '0')
"""
"""Keep an answer and the vector of its question; of all that is kept, the oldest goes while there is too much."""

RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
"""Hold a lead for longer, if it is still one's own."""

END = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
"""Give a lead back, if it is still one's own; or leave word in its place."""
