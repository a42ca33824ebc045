"""The cache that all nodes share, in Redis.

Its keys:

- ``cache:{key}``, a hash, is one entry, with Redis' own expiry: ``v`` is its value as JSON;
  ``c``, ``r`` and ``e`` are when it was saved, when it was last loaded and when it expires, in ms
  since 1970.
- ``cache-used``, a sorted set, has all keys by when they were last used, in µs since 1970.
- ``cache-expiries``, a sorted set, has the keys that expire by when they do, in ms since 1970.

Each method is one script, so that what several nodes do at once happens one after the other. The
time is that of Redis: the clocks of nodes differ. The scripts go out as EVAL, since EVALSHA may
need a second round trip, which a slow Redis would answer too late.
"""

from __future__ import annotations

import json
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, FirstError, gatherResults

from ..app.cache import (
    NEW_RECORD,
    UPDATED_RECORD,
    CacheEntry,
    check_expiry,
    encoded,
)
from ..errors import CacheError
from .gate import Gate
from .protocol import RedisError

if TYPE_CHECKING:
    from ..config.settings import LiveSettings
    from ..connection.memory import Account
    from .keys import Keys
    from .link import Link

REMOVED_AT_ONCE: Final = 100
"""So many keys of entries that have expired, and so many entries beyond the limit, go with one
call: a million of them would keep Redis from all else. A call adds one, so they do not pile up."""

LOOKED_AT: Final = 10
"""`size` looks whether so many entries, from a random one on, are there: where Redis has thrown
some away for want of memory, they are counted no more after a few calls."""

_HEAD: Final = f"""
local entry, used, expiries, key = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_us = time[1] * 1000000 + time[2]
local past = string.format('(%.0f', now)
local function forget(keys)
    for _, each in ipairs(keys) do
        redis.call('ZREM', used, each)
        redis.call('ZREM', expiries, each)
    end
end
local function forget_expired()
    forget(redis.call('ZRANGEBYSCORE', expiries, '-inf', past, 'LIMIT', 0, {REMOVED_AT_ONCE}))
end
"""

# A Redis that is full refuses a script's first change only, so that has to be the large one.
_SAVE: Final = f"""{_HEAD}
local value, lifetime, most = ARGV[2], ARGV[3], tonumber(ARGV[4])
local known = redis.call('EXISTS', entry)
redis.call('HSET', entry, 'v', value, 'c', now)
redis.call('HDEL', entry, 'r', 'e')
redis.call('ZADD', used, now_us, key)
if lifetime == '' then
    redis.call('PERSIST', entry)
    redis.call('ZREM', expiries, key)
else
    local expires = now + lifetime
    redis.call('HSET', entry, 'e', expires)
    redis.call('PEXPIREAT', entry, expires)
    redis.call('ZADD', expiries, expires, key)
end
forget_expired()
local beyond = math.min(redis.call('ZCARD', used) - most, {REMOVED_AT_ONCE})
if beyond > 0 then
    local oldest = redis.call('ZRANGE', used, 0, beyond - 1)
    for _, each in ipairs(oldest) do
        redis.call('DEL', string.sub(entry, 1, #entry - #key) .. each)
    end
    forget(oldest)
end
return known
"""

# One that is full, or a replica, can still be read.
_LOAD: Final = f"""{_HEAD}
local found = redis.call('HMGET', entry, 'v', 'c', 'r', 'e')
if not found[1] or found[4] and tonumber(found[4]) < now then
    return false
end
redis.pcall('HSET', entry, 'r', now)
redis.pcall('ZADD', used, now_us, key)
return found
"""

_DESTROY: Final = f"""{_HEAD}
forget({{key}})
return redis.call('DEL', entry)
"""

_SIZE: Final = f"""{_HEAD}
forget_expired()
local count = redis.call('ZCARD', used)
if count > 0 then
    local first = now_us % count
    for _, each in ipairs(redis.call('ZRANGE', used, first, first + {LOOKED_AT - 1})) do
        if redis.call('EXISTS', entry .. each) == 0 then
            forget({{each}})
        end
    end
end
return redis.call('ZCARD', used) - redis.call('ZCOUNT', expiries, '-inf', past)
"""


class RedisCache:
    """The cache in Redis; see `Cache` for what it does, and `CacheError` for what it may raise.

    Args:
        link: The line to Redis.
        keys: The names there.
        account: Is charged for the calls that have no reply yet.
        live: The current settings, which limit the entries, on all nodes together; in a Redis
            Cluster those of each part by its share. Redis bounds its memory by ``maxmemory``.

    Attributes:
        hits: See `Cache`.
        misses: See `Cache`.
    """

    def __init__(self, link: Link, keys: Keys, account: Account, live: LiveSettings) -> None:
        self._link = link
        self._live = live
        self.hits = self.misses = 0
        self._gate = Gate(account)
        self._keys = keys

    async def save(self, key: str, value: object, expire_ms: float | None = None) -> str:
        """See `Cache.save`."""
        check_expiry(expire_ms)
        lifetime = "" if expire_ms is None else ceil(expire_ms)
        most = ceil(self._live.limits.max_cache_entries / len(self._keys.cache_parts))
        known = await self._run(_SAVE, key, encoded(value), lifetime, most)
        return UPDATED_RECORD if known else NEW_RECORD

    async def load(self, key: str) -> CacheEntry | None:
        """See `Cache.load`."""
        found = await self._run(_LOAD, key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        value, created_at, read_at, expires_at = found
        return CacheEntry(json.loads(value), int(created_at), _time(read_at), _time(expires_at))

    async def destroy(self, key: str) -> bool:
        """See `Cache.destroy`."""
        return bool(await self._run(_DESTROY, key))

    async def size(self) -> int:
        """See `Cache.size`."""
        sizes = [
            Deferred.fromCoroutine(self._run_in(part, _SIZE, "")) for part in self._keys.cache_parts
        ]
        try:
            return sum(await gatherResults(sizes, consumeErrors=True))
        except FirstError as error:
            error.subFailure.raiseException()

    def close(self) -> None:
        """Does nothing: the entries are those of all nodes."""

    async def _run(self, script: str, key: str, *arguments: str | bytes | int) -> Any:
        return await self._run_in(self._keys.cache_part(key), script, key, *arguments)

    async def _run_in(self, part: str, script: str, key: str, *arguments: str | bytes | int) -> Any:
        # A lone surrogate is a character like any other.
        name = key.encode("utf-8", "surrogatepass")
        entry = self._keys.cache(part).encode() + name
        keys = (entry, self._keys.cache_used(part), self._keys.cache_expiries(part))
        command = ("EVAL", script, len(keys), *keys, name, *arguments)
        size = sum(len(word) for word in command if isinstance(word, str | bytes))
        try:
            await self._gate.enter(size)
            return await self._link.call_cache(command, partial(self._gate.leave, size))
        except RedisError as error:
            raise CacheError(f"the cache cannot be used: {error}") from None


def _time(text: bytes | None) -> int | None:
    return None if text is None else int(text)
