"""A Redis in memory, for tests of what lies between a command and its reply.

Nothing happens by itself: commands wait until a step executes them, and replies and what was
published until a step delivers them, in the order of each connection. So a test can let things
happen in any order in which they can happen.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from actionhero_tcp.connection.connected_client import ConnectedClient
from actionhero_tcp.connection.write_batch import WriteBatch
from actionhero_tcp.redis.broker import RedisBus
from actionhero_tcp.redis.in_flight import InFlight
from actionhero_tcp.redis.keys import Keys
from actionhero_tcp.redis.protocol import Batch, RedisError
from actionhero_tcp.rooms.rooms import Rooms
from tests.support import Soon, make_account, make_connection, make_live

KEYS = Keys("test:")


class RedisModel:
    """Hashes, sets and channels.

    Attributes:
        hashes: The hashes.
        sets: The sets.
        expiring: The keys that would expire.
        links: Who is connected.
    """

    def __init__(self) -> None:
        self.hashes: dict[bytes, dict[bytes, bytes]] = {}
        self.sets: dict[bytes, set[bytes]] = {}
        self.expiring: set[bytes] = set()
        self.links: list[ModelLink] = []

    @property
    def keys(self) -> set[bytes]:
        """All keys."""
        return self.hashes.keys() | self.sets.keys()

    def execute(self, link: ModelLink, command: list[bytes]) -> Any:
        """Executes a command, and gives the reply to it."""
        name, key, *words = command
        reply: Any = getattr(self, f"do_{name.decode().lower()}")(link, key, words)
        for table in (self.hashes, self.sets):
            if not table.get(key, True):
                del table[key]  # type: ignore[attr-defined]
        self.expiring &= self.keys
        return reply

    def do_hset(self, _: ModelLink, key: bytes, words: list[bytes]) -> int:
        self.hashes.setdefault(key, {}).update(zip(words[::2], words[1::2], strict=True))
        return len(words) // 2

    def do_hdel(self, _: ModelLink, key: bytes, words: list[bytes]) -> int:
        return sum(self.hashes.get(key, {}).pop(word, None) is not None for word in words)

    def do_hget(self, _: ModelLink, key: bytes, words: list[bytes]) -> bytes | None:
        return self.hashes.get(key, {}).get(words[0])

    def do_exists(self, _: ModelLink, key: bytes, words: list[bytes]) -> int:
        return key in self.keys

    def do_hgetall(self, _: ModelLink, key: bytes, words: list[bytes]) -> list[bytes]:
        return [word for pair in self.hashes.get(key, {}).items() for word in pair]

    def do_sadd(self, _: ModelLink, key: bytes, words: list[bytes]) -> int:
        self.sets.setdefault(key, set()).update(words)
        return len(words)

    def do_srem(self, _: ModelLink, key: bytes, words: list[bytes]) -> int:
        self.sets.get(key, set()).difference_update(words)
        return len(words)

    def do_expire(self, _: ModelLink, key: bytes, words: list[bytes]) -> int:
        self.expiring.add(key)
        return 1

    def do_publish(self, _: ModelLink, key: bytes, words: list[bytes]) -> int:
        for link in self.links:
            if key in link.channels:
                link.published(key, words[0])
        return 0

    def do_subscribe(self, link: ModelLink, key: bytes, words: list[bytes]) -> None:
        link.channels.add(key)

    def do_ping(self, _: ModelLink, key: bytes, words: list[bytes]) -> bytes:
        return b"PONG"

    def do_unsubscribe(self, link: ModelLink, key: bytes, words: list[bytes]) -> None:
        link.channels.discard(key)


class ModelLink:
    """A `RedisLink` to a `RedisModel`.

    Attributes:
        channels: What is subscribed to.
        failures: See `RedisLink.failures`.
        is_reachable: See `RedisLink.is_reachable`.
        told: The names of all commands that were sent, each write for itself.
        refused: Commands that fail, by their names.
    """

    def __init__(self, model: RedisModel) -> None:
        self.model = model
        self.channels: set[bytes] = set()
        self.failures = 0
        self.is_reachable = True
        self.told: list[list[str]] = []
        self.refused: set[str] = set()
        self.heard: Callable[[bytes, bytes], object] = lambda channel, message: None
        self._queues: dict[str, deque[Callable[[], object]]] = defaultdict(deque)
        self._batches: list[Batch] = []
        model.links.append(self)

    # As the bus uses it

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """See `RedisLink.call`."""
        self.told.append([str(command[0])])
        return self._send("commands", command)

    control = call

    def send(
        self,
        commands: list[tuple[str | bytes | int, ...]],
        on_done: Callable[[int], object] = lambda errors: None,
    ) -> None:
        """See `RedisLink.send`."""
        self.told.append([str(command[0]) for command in commands])
        batch = Batch(len(commands), lambda errors: on_done(self._count(errors, len(commands))))
        self._batches.append(batch)

        def took(reply: Any) -> None:
            if batch in self._batches:
                batch.awaited -= 1
                if not batch.awaited:
                    self._batches.remove(batch)
                batch.take(reply.value if isinstance(reply, Failure) else reply)

        for command in commands:
            self._send("commands", command).addBoth(took)

    def _count(self, errors: Sequence[str] | None, count: int) -> int:
        failed = count if errors is None else len(errors)
        self.failures += failed
        return failed

    def subscribe(self, channel: str) -> Deferred[Any]:
        """See `RedisLink.subscribe`."""
        return self._send("subscriber", ("SUBSCRIBE", channel))

    def catch_up(self) -> Deferred[Any]:
        """See `RedisLink.catch_up`."""
        return self._send("subscriber", ("PING", ""))

    def unsubscribe(self, channel: str) -> None:
        """See `RedisLink.unsubscribe`."""
        self._send("subscriber", ("UNSUBSCRIBE", channel)).addErrback(lambda _: self._failed())

    def _failed(self) -> None:
        self.failures += 1

    def _send(self, connection: str, command: tuple[str | bytes | int, ...]) -> Deferred[Any]:
        if not self.is_reachable:
            return fail(RedisError("away"))
        reply: Deferred[Any] = Deferred()
        packed = [
            word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogatepass")
            for word in command
        ]

        def execute() -> None:
            if packed[0].decode() in self.refused:
                error = RedisError("refused")
                self._queues[f"{connection} replies"].append(lambda: reply.errback(error))
            else:
                result = self.model.execute(self, packed)
                self._queues[f"{connection} replies"].append(lambda: reply.callback(result))

        self._queues[connection].append(execute)
        return reply

    def published(self, channel: bytes, message: bytes) -> None:
        """Something was published that this link has subscribed to."""
        self._queues["subscriber replies"].append(lambda: self.heard(channel, message))

    # As tests use it

    def waiting(self, queue: str) -> int:
        """How much waits in a queue."""
        return len(self._queues[queue])

    @property
    def busy(self) -> list[str]:
        """Where something waits: commands, subscriber, and the replies of each."""
        return sorted(name for name, queue in self._queues.items() if queue)

    def step(self, queue: str) -> None:
        """Lets the next thing of a queue happen."""
        self._queues[queue].popleft()()

    def lose(self) -> None:
        """Loses both connections: nothing comes, and nothing that was sent arrives."""
        self.is_reachable = False
        self.channels.clear()
        self._queues.clear()
        batches, self._batches = self._batches, []
        for batch in batches:
            batch.fail("lost")


class Node:
    """A process without a network: its rooms, and its bus to a `RedisModel`.

    Attributes:
        name: The process' id.
    """

    def __init__(
        self,
        model: RedisModel,
        name: str,
        announce_limit: int = 1000,
        max_pending_bytes: int = 2**25,
    ) -> None:
        self.name = name
        self.soon = Soon()
        self.write_batch = write_batch = WriteBatch(self.soon)
        self.live = make_live({("general", "announce_limit"): announce_limit})
        self.rooms = Rooms(write_batch, self.live)
        self.link = ModelLink(model)
        self.clients: dict[str, ConnectedClient] = {}
        self.holds: list[str] = []
        self.in_flight = InFlight(
            max_pending_bytes,
            make_account(),
            lambda client: self.holds.append(client),
            lambda client: self.holds.remove(client),
        )
        self.bus = RedisBus(
            self.link,  # type: ignore[arg-type]
            KEYS,
            write_batch,
            self.rooms,
            lambda: list(self.clients),
            self.in_flight,
        )
        self.rooms.join_cluster(self.bus)
        self.link.heard = self.hear
        self.incarnation = 0

    def hear(self, channel: bytes, message: bytes) -> None:
        """What came over a channel goes to the bus."""
        room = KEYS.room_of(channel)
        assert room is not None
        self.bus.heard(room, message)

    def begin(self) -> None:
        """Redis is here, or this node was taken for dead."""
        self.link.is_reachable = True
        self.incarnation += 1
        self.bus.begin(f"{self.name}.{self.incarnation}")
        self.soon.run()

    def lose(self) -> None:
        """Redis is away."""
        self.link.lose()
        self.bus.end()

    def client(self, *rooms: str) -> ConnectedClient:
        """A new client, in these rooms."""
        client = make_connection()
        self.clients[client.id] = client
        self.bus.connected(client.id)
        for room in rooms:
            self.join(client, room)
        self.soon.run()
        return client

    def join(self, client: ConnectedClient, room: str) -> None:
        """A client enters a room."""
        self.rooms.join(client, room)
        self.soon.run()

    def leave(self, client: ConnectedClient, room: str) -> None:
        """A client leaves a room."""
        self.rooms.leave(client, room)
        self.soon.run()

    def gone(self, client: ConnectedClient) -> None:
        """A client hangs up."""
        self.rooms.leave_all(client)
        self.bus.disconnected(client.id)
        del self.clients[client.id]
        self.soon.run()

    def say(self, client: ConnectedClient, room: str, message: str) -> None:
        """A client says something."""
        self.rooms.say_from(client, room, message)
        self.soon.run()

    def run(self, *queues: str) -> None:
        """Lets all happen that waits, of these queues or of all."""
        while ready := [name for name in self.link.busy if not queues or name in queues]:
            self.link.step(ready[0])
            self.soon.run()


def settle(*nodes: Node) -> None:
    """Lets all happen, until nothing waits any more."""
    while any(node.link.busy for node in nodes):
        for node in nodes:
            node.run()


def heard(client: ConnectedClient) -> list[str]:
    """What a client heard since the last call."""
    messages = [message["message"] for message in client.outbox.heard]  # type: ignore[attr-defined]
    client.outbox.said.clear()  # type: ignore[attr-defined]
    return messages
