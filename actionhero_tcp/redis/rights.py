"""The rights that an ACL user of Redis needs, and those that a user lacks.

A right that is missing would show late, and only as messages that never arrive. So each new
connection tries all of them, on a key and a channel that nothing else uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from .keys import Keys
from .protocol import RedisError

COMMANDS: Final = (
    "ping",
    "publish",
    "subscribe",
    "unsubscribe",
    "eval",
    "time",
    "exists",
    "expire",
    "del",
    "persist",
    "pexpireat",
    "hset",
    "hget",
    "hdel",
    "hlen",
    "hvals",
    "hgetall",
    "hmget",
    "hincrby",
    "sadd",
    "srem",
    "spop",
    "zadd",
    "zrem",
    "zcard",
    "zcount",
    "zrange",
    "zrangebyscore",
    "zscore",
)
"""The commands that a node sends, itself or in a script."""

SHARDED: Final = {
    "publish": ("spublish",),
    "subscribe": ("ssubscribe", "asking", "cluster|slots"),
    "unsubscribe": ("sunsubscribe",),
}
"""What it sends to a Redis Cluster in place of some of them, and for them."""

CLUSTER_COMMANDS: Final = tuple(
    name for command in COMMANDS for name in SHARDED.get(command, (command,))
)
"""The commands that a node sends to a Redis Cluster."""

_PROBES: Final = """
local missing = {}
local function try(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    local text = string.lower(reply.err)
    for _, sign in ipairs({'noperm', 'permission', 'user executing', 'acl failure'}) do
      if string.find(text, sign, 1, true) then
        table.insert(missing, {(...), reply.err})
        break
      end
    end
    if string.find(text, 'readonly', 1, true) then
      table.insert(missing, {'', 'READONLY'})
    end
  end
end
local key, channel = KEYS[1], ARGV[1]
try('TIME')
try('EXISTS', key)
try('EXPIRE', key, 1)
try('PERSIST', key)
try('PEXPIREAT', key, 1)
try('HSET', key, 'f', 0)
try('HINCRBY', key, 'f', 1)
for _, name in ipairs({'HGET', 'HDEL'}) do try(name, key, 'f') end
for _, name in ipairs({'HLEN', 'HVALS', 'HGETALL'}) do try(name, key) end
try('HMGET', key, 'f')
try('DEL', key)
try('SADD', key, 'm')
try('SREM', key, 'm')
try('SPOP', key, 1)
try('ZADD', key, 1, 'm')
try('ZREM', key, 'm')
try('ZCARD', key)
try('ZCOUNT', key, 0, 1)
try('ZRANGE', key, 0, 1)
try('ZRANGEBYSCORE', key, 0, 1)
try('ZSCORE', key, 'm')
try(ARGV[2], channel, '')
return missing
"""
"""The key, the channel and the name of `PUBLISH` to try; gives each command that is refused, with
the error's text. Other errors are no concern of it: a Redis that is full refuses to write."""

Caller = Callable[..., Deferred[Any]]


class Rights:
    """Checks the rights of the user that the connections are logged in as.

    Args:
        keys: The names that have to be allowed.
        username: The user, for the error; empty for the default one.
        part: The part of the keys in which they are tried; None for that of one Redis.
    """

    def __init__(self, keys: Keys, username: str, part: str | None = None) -> None:
        self._keys = keys
        self._username = username or "default"
        self._shard = "" if part is None else "S"
        self._part = keys.parts[0] if part is None else part

    def try_in(self, part: str) -> None:
        """Has rights tried in this part of the keys from now on."""
        self._part = part

    def check(self, control: Caller, subscribe: Caller, unsubscribe: Caller) -> Deferred[str]:
        """Tries all that a node does.

        Args:
            control: Sends a command on a connection for commands.
            subscribe: Subscribes to a channel.
            unsubscribe: Ends that.

        Returns:
            A Deferred of an error that names what is missing; empty where nothing is.
        """
        name = self._keys.probe(self._part)
        shard = self._shard
        publish = f"{shard}PUBLISH"
        tried = [
            control("EVAL", _PROBES, 1, name, name, publish).addErrback(_refused, "eval"),
            subscribe(name).addErrback(_refused, f"{shard}subscribe"),
            unsubscribe(name).addErrback(_refused, f"{shard}unsubscribe"),
        ]
        return gatherResults(tried, consumeErrors=True).addCallback(self._missing)

    def _missing(self, replies: list[Any]) -> str:
        probed, *subscribed = replies
        refused = [pair for reply in [probed, *subscribed] for pair in _pairs(reply)]
        missing = sorted({self._right(command, text) for command, text in refused})
        if not missing:
            return ""
        if any(text == "READONLY" for _, text in refused):
            return "this Redis is a replica that takes no writes"
        return f"user {self._username} lacks rights in Redis: {' '.join(missing)}"

    def _right(self, command: str, text: str) -> str:
        """A right, as ACL SETUSER takes it."""
        if "channel" in text:
            return f"&{self._keys.prefix}*"
        if re.search(r"\bkeys?\b", text):
            return f"~{self._keys.prefix}*"
        return f"+{command.lower()}"


def _pairs(reply: Any) -> list[tuple[str, str]]:
    if not isinstance(reply, list):
        return []
    return [
        (pair[0].decode(), pair[1].decode("utf-8", "replace"))
        for pair in reply
        if isinstance(pair, list)
    ]


def _refused(failure: Failure, command: str) -> list[list[bytes]]:
    """A refusal, in the form that the script has for them; other errors pass."""
    failure.trap(RedisError)
    text = failure.getErrorMessage()
    if text.startswith("NOPERM"):
        return [[command.encode(), text.encode()]]
    failure.raiseException()
    return []
