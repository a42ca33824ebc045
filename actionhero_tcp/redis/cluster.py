"""This process as one node of a cluster: its heartbeat, its peers, and what dead ones leave.

Each node writes the time of Redis' clock beside its id, every few seconds, and reads who else
has. One that has not for a while is dead: each node then drops its members from the rooms, so
that every client hears of it once, from its own node; and one of them or several clear its
keys, which does no harm to do twice. A node that was only slow finds itself missing, and comes
back under another incarnation of its id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..clock import Clock, Timer, stop
from .broker import EXPIRY_SECONDS, RedisBus
from .local_clients import JOIN, LEAVE, NodeClients

if TYPE_CHECKING:
    from ..stats import Stats
    from .keys import Keys
    from .link import Link

BEAT_SECONDS: Final = 2.0
"""The time between two heartbeats."""

DEAD_AFTER_SECONDS: Final = 8.0
"""A node without a heartbeat for so long is dead. Its clients are gone for the others at the
latest two beats after that."""

CLEARED_AT_ONCE: Final = 1000
"""So many entries of a dead node are cleared in one call, for Redis does nothing else meanwhile."""

SETTLE_SECONDS: Final = 6.0
"""After Redis has come back for this node, the others have so long to come back too, until their
members are taken to be gone; longer than the line takes to try again."""

MAX_COUNTED: Final = 1000
"""Of so many processes the requests are kept apart, so that one taken for dead can come back
without being counted twice; of dead ones beyond them only the sum."""

MAX_PEERS_SHOWN: Final = 100
"""The `status` action answers with the ids of so many other nodes at most."""

_BEAT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit = now - ARGV[2]
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if known or ARGV[5] == '1' then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
end
local requests = 0
for _, count in ipairs(redis.call('HVALS', KEYS[2])) do
  requests = requests + count
end
for _, key in ipairs(KEYS) do
  redis.call('EXPIRE', key, ARGV[6])
end
return {known and 1 or 0, requests,
  redis.call('ZRANGEBYSCORE', KEYS[1], limit, '+inf'),
  redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. limit)}
"""
"""Nodes, requests; the id of this node, ms until death, its process, the requests of that, whether
it is new, seconds until keys expire."""

_CLEAR: Final = """
local entries = redis.call('SPOP', KEYS[1], ARGV[3])
for _, entry in ipairs(entries) do
  local client, room = string.match(entry, '^(%S+) (.*)$')
  local key = room == '' and KEYS[2] or ARGV[2] .. room
  if redis.call('HGET', key, client) == ARGV[1] then
    redis.call('HDEL', key, client)
  end
end
return #entries
"""
"""Takes the node's entries of a part and the clients of that part as keys; as arguments the
node's id, the prefix of the rooms' names, and the number of entries."""

_REMOVE: Final = """
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[3]) then
  local requests = redis.call('HGET', KEYS[2], ARGV[2])
  if requests then
    redis.call('HINCRBY', KEYS[2], 'gone', requests)
    redis.call('HDEL', KEYS[2], ARGV[2])
  end
end
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
end
"""
"""Nodes, requests; the id of a node that holds nothing, its process, how many processes are counted
apart. The requests that it has served stay in the sum, until the last node goes."""

_log = Logger()


class Cluster:
    """One node.

    Args:
        link: The line to Redis.
        keys: The names there.
        bus: The rooms over Redis.
        clock: Calls later.
        stats: Those of this process, whose id is that of the node; they learn the requests of all.
        clients: The clients of this process.
    """

    def __init__(
        self,
        link: Link,
        keys: Keys,
        bus: RedisBus,
        clock: Clock,
        stats: Stats,
        clients: NodeClients,
    ) -> None:
        self._link = link
        self._keys = keys
        self._bus = bus
        self._clock = clock
        self._stats = stats
        self._clients = clients
        self._incarnation = 0
        self._node = ""
        self._earlier = ""
        self._begun_at = 0.0
        self._refusal = ""
        self._leaving = False
        self._failures = 0
        self._missing: set[str] = set()
        self._refreshed: list[str] = []
        self._refreshed_at_once = 1
        self._timer: Timer | None = None

    @property
    def peers(self) -> list[str]:
        """The ids of the other nodes that are alive."""
        # One that came back is there twice for a while.
        nodes = {node.partition(".")[0] for node in self._bus.alive}
        return sorted(nodes - {self._stats.id})

    def status(self) -> dict[str, object]:
        """The part of the `status` action about the cluster."""
        redis: dict[str, object] = {"connected": not self.error, "lost": self._bus.lost}
        if self.error:
            redis["error"] = self.error
        peers = self.peers
        return {"redis": redis, "peers": peers[:MAX_PEERS_SHOWN], "peersCount": len(peers)}

    @property
    def error(self) -> str:
        """Why this node is alone; empty where it is not."""
        if self._bus.node is not None:
            return ""
        return self._link.error or self._refusal or "this node has not joined yet"

    def start(self) -> None:
        """Starts to look for Redis."""
        self._link.start()

    def reached(self) -> Deferred[None]:
        """Waits until Redis was reached, or could not be; a few seconds at most."""
        return self._link.reached()

    def on_connected(self) -> None:
        """Redis is here."""
        self._stats.redis_connects += 1
        if not self._leaving:
            self._beat(joining=True)

    def on_disconnected(self) -> None:
        """Redis is away."""
        stop(self._timer)
        self._bus.end()

    def on_message(self, channel: bytes, message: bytes) -> None:
        """Something was published that this process has subscribed to."""
        if self._bus.is_own(message):
            return
        room = self._keys.room_of(channel)
        if room is not None:
            self._bus.heard(room, message)
        else:
            self._on_order(message)

    def send(self, client: str, line: bytes) -> bool:
        """Sends a line to a client, whichever node it is with; see `app.cluster.Cluster.send`."""
        return self._order(client, line)

    def join_room(self, client: str, room: str) -> bool:
        """Take a client into a room; see `app.cluster.Cluster.join_room`."""
        return self._order(client, b"%b %b" % (JOIN, room.encode()))

    def leave_room(self, client: str, room: str) -> bool:
        """Take a client out of a room; see `app.cluster.Cluster.leave_room`."""
        return self._order(client, b"%b %b" % (LEAVE, room.encode()))

    def leave(self) -> Deferred[Any]:
        """Leaves the cluster, and nothing behind; to be called when no client is left."""
        self._leaving = True
        stop(self._timer)
        self._bus.flush()
        self._clear_earlier()
        left = self._clear(self._node, most_counted=0)
        left.addErrback(lambda _: None)
        left.addBoth(lambda _: self._link.stop())
        return left

    def _on_order(self, message: bytes) -> None:
        """Another node asks for something to be done with a client of this one."""
        first, _, order = message.partition(b"\n")
        client = first.decode("utf-8", "replace")
        change, _, room = order.partition(b" ")
        if order.endswith(b"\r\n"):
            self._clients.send(client, order)
        elif change in (JOIN, LEAVE):
            self._clients.change_rooms(client, change, room.decode("utf-8", "replace"))

    def _order(self, client: str, order: bytes) -> bool:
        """Asks the node of a client to do something with it."""
        clients = self._keys.clients(self._keys.part(client))
        found = self._link.call("HGET", clients, client)
        found.addCallback(self._order_from, client, order)
        found.addErrback(lambda _: None)
        return True

    def _order_from(self, node: bytes | None, client: str, order: bytes) -> None:
        if node is not None:
            process = node.decode("utf-8", "replace").partition(".")[0]
            message = client.encode() + b"\n" + order
            self._link.send([("PUBLISH", self._keys.node(process), message)])

    def _beat(self, joining: bool = False) -> None:
        """Tells Redis that this node lives, and learns who else does."""
        stop(self._timer)
        self._timer = self._clock.callLater(BEAT_SECONDS, self._beat)
        if joining or self._bus.node is None:
            joining = True
            self._incarnation += 1
            self._node = f"{self._stats.id}.{self._incarnation}"
        keys, requests, sent_at = self._keys, self._stats.requests, self._clock.seconds()
        beat = self._link.control(
            *("EVAL", _BEAT, 2, keys.nodes, keys.requests),
            *(self._node, int(DEAD_AFTER_SECONDS * 1000), self._stats.id, requests),
            *(int(joining), EXPIRY_SECONDS),
        )
        beat.addCallback(self._answered, sent_at)
        beat.addCallback(self._told, self._node, joining, requests)
        beat.addErrback(self._not_told)

    def _answered(self, reply: list[Any], sent_at: float) -> list[Any]:
        self._stats.redis_latency.observe(self._clock.seconds() - sent_at)
        return reply

    def _told(self, reply: list[Any], node: str, joining: bool, requests: int) -> None:
        if self._leaving or node != self._node:
            return
        known, total, alive, dead = reply
        if joining:
            self._begin()
        elif self._bus.node != node:
            return
        elif not known or self._link.failures != self._failures:
            _log.warn("this node was taken for dead, or Redis has refused something: rejoining")
            self._beat(joining=True)
            return
        else:
            self._clear_earlier()
        self._bus.alive = frozenset(each.decode() for each in alive)
        self._stats.elsewhere = total - requests
        self._drop_the_dead()
        self._refresh()
        for each in dead:
            self._clear(each.decode()).addErrback(lambda _: None)

    def _begin(self) -> None:
        """Tells Redis, and by it the others, of all that is here."""
        self._refusal = ""
        self._begun_at = self._clock.seconds()
        self._failures = self._link.failures
        self._link.subscribe(self._keys.node(self._stats.id)).addErrback(self._failed)
        self._bus.begin(self._node)
        self._clear_earlier()
        if self._incarnation > 1:
            self._earlier = f"{self._stats.id}.{self._incarnation - 1}"

    def _clear_earlier(self) -> None:
        """Clears what is left of the incarnation before this one.

        By the next heartbeat its clients are those of this one: nobody finds them missing.
        """
        earlier, self._earlier = self._earlier, ""
        if earlier:
            self._clear(earlier).addErrback(lambda _: None)

    def _failed(self, _: Failure) -> None:
        self._link.failures += 1

    def _not_told(self, failure: Failure) -> None:
        """Redis is here, but refuses: it may be full."""
        if self._link.is_reachable:
            self._refusal = failure.getErrorMessage()
            self._link.report(self._refusal)
            self._bus.end()

    def _drop_the_dead(self) -> None:
        """Has the members of those be gone that have been missing for two beats."""
        if self._clock.seconds() - self._begun_at < SETTLE_SECONDS:
            return
        missing = self._bus.nodes - self._bus.alive
        gone = missing & self._missing
        self._missing = missing - gone
        if gone:
            _log.warn("{count} nodes are gone: {nodes}", count=len(gone), nodes=sorted(gone))
            self._bus.drop(gone.__contains__)

    def _refresh(self) -> None:
        """Keeps some keys from expiring, and in time all."""
        if not self._refreshed:
            self._refreshed = self._bus.expiring
            self._refreshed_at_once = 1 + int(
                len(self._refreshed) * BEAT_SECONDS * 4 / EXPIRY_SECONDS
            )
        count = self._refreshed_at_once
        self._bus.refresh(self._refreshed[-count:])
        del self._refreshed[-count:]

    def _clear(self, node: str, most_counted: int = MAX_COUNTED) -> Deferred[Any]:
        """Clears what a node has left in Redis.

        Args:
            node: The node.
            most_counted: Where the requests of more processes are kept apart, those of this
                node's are added up with those of others that are gone.
        """
        cleared = gatherResults(
            [self._clear_part(part, node) for part in self._keys.parts], consumeErrors=True
        )
        return cleared.addCallback(lambda _: self._remove(node, most_counted))

    def _clear_part(self, part: str, node: str) -> Deferred[Any]:
        keys = self._keys
        cleared = self._link.call(
            *("EVAL", _CLEAR, 2, keys.held(part, node), keys.clients(part)),
            *(node, keys.any_room(part), CLEARED_AT_ONCE),
        )

        def clear_rest(count: int) -> Deferred[Any] | None:
            return self._clear_part(part, node) if count >= CLEARED_AT_ONCE else None

        return cleared.addCallback(clear_rest)

    def _remove(self, node: str, most_counted: int) -> Deferred[Any]:
        """Removes a node that holds nothing any more."""
        process = node.partition(".")[0]
        return self._link.call(
            *("EVAL", _REMOVE, 2, self._keys.nodes, self._keys.requests),
            *(node, process, most_counted),
        )
