"""This process as one node of a cluster: its heartbeat, its peers, and what dead ones leave.

Each node writes the time of Redis' clock beside its id, every few seconds, and reads who else
has. One that has not for a while is dead: each node then drops its members from the rooms, so
that every client hears of it once, from its own node; and one of them or several clear its
keys, which does no harm to do twice. A node that was only slow finds itself missing, and comes
back under another incarnation of its id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from .clock import Clock, Timer, stop
from .redisbus import EXPIRY_SECONDS, RedisBus

if TYPE_CHECKING:
    from .keys import Keys
    from .redislink import RedisLink
    from .stats import Stats

BEAT_SECONDS: Final = 2.0
"""The time between two heartbeats."""

DEAD_AFTER_SECONDS: Final = 8.0
"""A node without a heartbeat for so long is dead. Its clients are gone for the others at the
latest two beats after that."""

CLEARED_AT_ONCE: Final = 1000
"""So many entries of a dead node are cleared in one call, for Redis does nothing else meanwhile."""

_BEAT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit = now - ARGV[2]
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known or ARGV[4] == '1' then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
end
local requests = 0
for _, count in ipairs(redis.call('HVALS', KEYS[2])) do
  requests = requests + count
end
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ARGV[5])
end
return {known and 1 or 0, requests,
  redis.call('ZRANGEBYSCORE', KEYS[1], limit, '+inf'),
  redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. limit)}
"""
"""Nodes, requests, clients, what this node holds; its id, ms until death, its requests, whether
it is new, seconds until keys expire."""

_CLEAR: Final = """
local entries = redis.call('SPOP', KEYS[1], ARGV[4])
for _, entry in ipairs(entries) do
  local client, room = string.match(entry, '^(%S+) (.*)$')
  local key = room == '' and ARGV[3] or ARGV[2] .. room
  if redis.call('HGET', key, client) == ARGV[1] then
    redis.call('HDEL', key, client)
  end
end
if #entries < tonumber(ARGV[4]) then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('DEL', KEYS[1])
  local requests = redis.call('HGET', KEYS[3], ARGV[1])
  if requests then
    redis.call('HINCRBY', KEYS[3], 'gone', requests)
    redis.call('HDEL', KEYS[3], ARGV[1])
  end
  if redis.call('ZCARD', KEYS[2]) == 0 then
    redis.call('DEL', KEYS[3])
  end
end
return #entries
"""
"""What a node holds, nodes, requests; its id, what rooms' names begin with, clients, how many.
The requests that it has served stay in the sum, until the last node goes."""

_log = Logger()


class Cluster:
    """One node.

    Args:
        process: The id of this process.
        link: The line to Redis.
        keys: The names there.
        bus: The rooms over Redis.
        clock: Calls later.
        stats: Counts the requests of this process, and learns those of all.
        deliver: Sends a line to a client of this process, by its id.
    """

    def __init__(
        self,
        process: str,
        link: RedisLink,
        keys: Keys,
        bus: RedisBus,
        clock: Clock,
        stats: Stats,
        deliver: Callable[[str, bytes], object],
    ) -> None:
        self._process = process
        self._link = link
        self._keys = keys
        self._bus = bus
        self._clock = clock
        self._stats = stats
        self._deliver = deliver
        self._incarnation = 0
        self._node = ""
        self._reported = 0
        self._before = 0
        self._failures = 0
        self._missing: set[str] = set()
        self._refreshed: list[str] = []
        self._timer: Timer | None = None

    @property
    def peers(self) -> list[str]:
        """The ids of the other nodes that are alive."""
        nodes = (node.partition(".")[0] for node in self._bus.alive)
        return sorted(node for node in nodes if node != self._process)

    def status(self) -> dict[str, object]:
        """What the `status` action tells of the cluster."""
        redis: dict[str, object] = {"connected": not self.error}
        if self.error:
            redis["error"] = self.error
        return {"redis": redis, "peers": self.peers}

    @property
    def error(self) -> str:
        """Why this node is alone; empty where it is not."""
        if self._bus.node is not None:
            return ""
        return self._link.error or "this node has not joined yet"

    def start(self) -> None:
        """Starts to look for Redis."""
        self._link.start()

    def came(self) -> None:
        """Redis is here."""
        self._link.subscribe(self._keys.node(self._process)).addErrback(lambda _: None)
        self._beat(joining=True)

    def went(self) -> None:
        """Redis is away."""
        stop(self._timer)
        self._bus.end()

    def heard(self, channel: bytes, message: bytes) -> None:
        """Something was published that this process has subscribed to."""
        room = self._keys.room_of(channel)
        if room is not None:
            self._bus.heard(room, message)
        else:
            client, _, line = message.partition(b"\n")
            self._deliver(client.decode("utf-8", "replace"), line)

    def send(self, client: str, line: bytes) -> None:
        """Sends a line to a client, whichever node it is with."""
        found = self._link.call("HGET", self._keys.clients, client)
        found.addCallback(self._send_to, client, line)
        found.addErrback(lambda _: None)

    def leave(self) -> Deferred[Any]:
        """Leaves the cluster, and nothing behind; to be called when no client is left."""
        stop(self._timer)
        self._bus.flush()
        left = self._clear(self._node)
        left.addErrback(lambda _: None)
        left.addBoth(lambda _: self._link.stop())
        return left

    def _send_to(self, node: bytes | None, client: str, line: bytes) -> None:
        if node is not None:
            process = node.decode("utf-8", "replace").partition(".")[0]
            message = client.encode() + b"\n" + line
            self._link.tell([("PUBLISH", self._keys.node(process), message)])

    def _beat(self, joining: bool = False) -> None:
        """Tells Redis that this node lives, and learns who else does."""
        stop(self._timer)
        self._timer = self._clock.callLater(BEAT_SECONDS, self._beat)
        if self._bus.node is None:
            joining = True
        if joining:
            self._incarnation += 1
            self._node = f"{self._process}.{self._incarnation}"
            self._before = self._reported
        keys = self._keys
        requests = self._stats.requests
        beat = self._link.call(
            *("EVAL", _BEAT, 4),
            *(keys.nodes, keys.requests, keys.clients, keys.held(self._node)),
            *(self._node, int(DEAD_AFTER_SECONDS * 1000), requests - self._before),
            *(int(joining), EXPIRY_SECONDS),
        )
        beat.addCallback(self._told, joining, requests)
        beat.addErrback(self._not_told)

    def _told(self, reply: list[Any], joining: bool, requests: int) -> None:
        known, total, alive, dead = reply
        self._reported = requests
        self._stats.elsewhere = total - requests
        self._bus.alive = frozenset(node.decode() for node in alive)
        if joining:
            self._failures = self._link.failures
            self._bus.begin(self._node)
        elif not known or self._link.failures != self._failures:
            # It was taken for dead, or Redis has lost or refused something: all anew.
            self._beat(joining=True)
            return
        self._drop_the_dead()
        self._refresh()
        for node in dead:
            self._clear(node.decode()).addErrback(lambda _: None)

    def _not_told(self, failure: Failure) -> None:
        """Redis is here, but refuses: it may be full."""
        if self._link.is_here:
            self._link.note(failure.getErrorMessage())
            self._bus.end()

    def _drop_the_dead(self) -> None:
        """Has the members of those be gone that have been missing for two beats."""
        missing = self._bus.nodes - self._bus.alive
        gone = missing & self._missing
        self._missing = missing - gone
        if gone:
            _log.warn("{count} nodes are gone: {nodes}", count=len(gone), nodes=sorted(gone))
            self._bus.drop(gone.__contains__)

    def _refresh(self) -> None:
        """Keeps the keys of some rooms from expiring, and in time those of all."""
        if not self._refreshed:
            self._refreshed = self._bus.rooms
        count = 1 + int(len(self._bus.rooms) * BEAT_SECONDS * 4 / EXPIRY_SECONDS)
        self._bus.refresh(self._refreshed[-count:])
        del self._refreshed[-count:]

    def _clear(self, node: str) -> Deferred[Any]:
        """Clears what a node has left in Redis."""
        keys = self._keys
        cleared = self._link.call(
            *("EVAL", _CLEAR, 3, keys.held(node), keys.nodes, keys.requests),
            *(node, keys.any_room, keys.clients, CLEARED_AT_ONCE),
        )
        return cleared.addCallback(lambda n: self._clear(node) if n >= CLEARED_AT_ONCE else None)
