"""What Valkey does in one step, by its own clock. Times are microseconds; those that are returned, milliseconds."""

_NOW = "local time = redis.call('TIME'); local now = time[1] * 1000000 + time[2]\n"

REQUEST = (
    _NOW
    + """
local rows, allowed = {}, true
for at, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * at - 1]), tonumber(ARGV[2 * at])
  local due = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local wait = due + interval - burst * interval - now
  if wait > 0 then allowed = false else wait = 0 end
  rows[at] = {due, interval, burst, wait}
end
local told = {}
for at, row in ipairs(rows) do
  local due, interval, burst, wait = unpack(row)
  if allowed then
    due = due + interval
    redis.call('SET', KEYS[at], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1000)
  end
  told[3 * at - 2] = math.max(0, math.floor((burst * interval - (due - now)) / interval + 0.000001))
  told[3 * at - 1] = math.ceil(wait / 1000)
  told[3 * at] = math.ceil((due - now) / 1000)
end
return told
"""
)
"""The generic cell rate algorithm (ITU-T I.371, virtual scheduling): a key holds when the next request would be due if
they came evenly; who is ahead of that by no more than the burst may go.

KEYS: of each subject. ARGV: of each, the microseconds between even requests, and the burst. Returns of each: what
remains, how long to wait, how long until the whole burst remains."""

ENTER = (
    _NOW
    + """
local lease, lease_us = ARGV[1], tonumber(ARGV[2])
local today = math.floor(now / 86400000000)
for at = 1, #KEYS / 2 do
  local streams, tokens = KEYS[2 * at - 1], KEYS[2 * at]
  local most_streams, most_tokens = tonumber(ARGV[2 * at + 1]), tonumber(ARGV[2 * at + 2])
  if most_tokens > 0 then
    local spent = redis.call('HMGET', tokens, 'day', 'tokens')
    if tonumber(spent[1] or '-1') == today and tonumber(spent[2]) >= most_tokens then
      return {at, 2, math.ceil(((today + 1) * 86400000000 - now) / 1000)}
    end
  end
  if most_streams > 0 then
    redis.call('ZREMRANGEBYSCORE', streams, '-inf', string.format('%.0f', now))
    if redis.call('ZCARD', streams) >= most_streams then
      return {at, 1, 0}
    end
  end
end
for at = 1, #KEYS / 2 do
  if tonumber(ARGV[2 * at + 1]) > 0 then
    redis.call('ZADD', KEYS[2 * at - 1], string.format('%.0f', now + lease_us), lease)
    redis.call('PEXPIRE', KEYS[2 * at - 1], math.ceil(lease_us / 1000) + 1000)
  end
end
return {0, 0, 0}
"""
)
"""KEYS: of each subject, its streams and its tokens. ARGV: the lease, how long it holds, and of each subject how many
streams and tokens it may have, 0 for any number. Returns the number of the subject that refuses, what of it is used up
(1: streams, 2: tokens), and for how long; {0, 0, 0} where none refuses."""

RENEW = (
    _NOW
    + """
local lease_us = tonumber(ARGV[1])
for at, key in ipairs(KEYS) do
  redis.call('ZADD', key, 'XX', string.format('%.0f', now + lease_us), ARGV[at + 1])
  redis.call('PEXPIRE', key, math.ceil(lease_us / 1000) + 1000)
end
return #KEYS
"""
)
"""KEYS: the streams of each subject. ARGV: how long a lease holds, and the lease in each."""

SPEND = (
    _NOW
    + """
local today = math.floor(now / 86400000000)
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('HGET', key, 'day') or '-1') ~= today then
    redis.call('HSET', key, 'day', today, 'tokens', 0)
  end
  redis.call('HINCRBY', key, 'tokens', ARGV[1])
  redis.call('PEXPIRE', key, 172800000)
end
return #KEYS
"""
)
"""KEYS: the tokens of each subject. ARGV: how many."""
