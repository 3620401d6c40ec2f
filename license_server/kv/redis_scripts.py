"""What Redis itself is asked to do: the scripts, and what its settings must be."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.exceptions import ResponseError

# KEYS: what was read, what is changed, and the set of all names. ARGV: how many were read, their values ("" for none),
# then for each change the value ("" to delete) and the milliseconds it lives (0: for ever).
COMMIT = """
local read, names = tonumber(ARGV[1]), KEYS[#KEYS]
for i = 1, read do
  if (redis.call('GET', KEYS[i]) or '') ~= ARGV[i + 1] then return 0 end
end
local a = read + 2
for i = read + 1, #KEYS - 1 do
  local key, value, lives = KEYS[i], ARGV[a], ARGV[a + 1]
  if value == '' then
    redis.call('DEL', key)
    redis.call('ZREM', names, key)
  else
    if lives == '0' then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', lives) end
    redis.call('ZADD', names, 0, key)
  end
  a = a + 2
end
return 1
"""
# ARGV: the first and the last name, how many. Answers with names and values in turn.
SCAN = """
local found = {}
for i, key in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  found[2 * i - 1] = key
  found[2 * i] = redis.call('GET', key)
end
return found
"""
# ARGV: the first name, how many are looked at. Answers with the last of them, nothing at the end.
FORGET = """
local keys = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
for _, key in ipairs(keys) do
  if redis.call('EXISTS', key) == 0 then redis.call('ZREM', KEYS[1], key) end
end
return keys[tonumber(ARGV[2])]
"""


async def shortcomings(redis: Redis) -> list[tuple[bool, str]]:
    """What of a Redis' settings endangers what is kept: whether it must not be used so, and a sentence.

    Raises:
        RedisError, OSError: it cannot be asked.
    """
    try:
        said: dict[str | None, str | None] = await redis.config_get(
            "appendonly", "appendfsync", "maxmemory", "maxmemory-policy"
        )
    except ResponseError:
        return [(False, "this Redis does not tell its settings: see that it has appendonly yes and noeviction")]
    found = []
    if said.get("appendonly") != "yes":
        found.append((True, "this Redis keeps no log: set appendonly yes, or what was sold is lost when it ends"))
    elif said.get("appendfsync") == "no":
        found.append((True, "this Redis never syncs its log: set appendfsync always"))
    elif said.get("appendfsync") != "always":
        found.append((False, "this Redis syncs its log once a second: a crash of its machine loses up to that much"))
    if said.get("maxmemory") != "0" and said.get("maxmemory-policy") != "noeviction":
        found.append((True, "this Redis may drop licenses when its memory is full: set maxmemory-policy noeviction"))
    return found
