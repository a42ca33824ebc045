"""The line to a Redis Cluster: one `RedisLink` to each master that has something of ours.

Keys and channels go to the master that has the slot of their hash tag; rooms are published with
``SPUBLISH``, which stays on that master and its replicas. The cluster is *reachable* while all
these masters are: what one of them has missed, nodes tell again, all of it.

When slots move, Redis refuses commands with the name of the new master, and ends subscriptions.
Calls are sent again there. Messages are not, since their order would be lost: they count as
failed, and the next heartbeat rejoins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from operator import attrgetter
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.logger import Logger

from ..errors import StartError
from .address import RedisAddress
from .connection import RedisConnection
from .endpoint import TlsFiles, connector
from .keys import Keys
from .link import RedisLink
from .protocol import Batch, Call, Command, RedisError, client_library
from .reachability import Reachability
from .rights import Rights
from .slots import Place, SlotMap, spread_tags
from .topology import Topology

MAX_REDIRECTS: Final = 5
"""A call is sent to another master so many times, and then fails."""

Lane = Callable[[RedisLink], RedisConnection]

_CONTROL: Final[Lane] = attrgetter("control_connection")
_COMMANDS: Final[Lane] = attrgetter("commands_connection")
_CACHE: Final[Lane] = attrgetter("cache_connection")

_log = Logger()


class ShardedLink:
    """The line to a Redis Cluster; see `link.Link`.

    Args:
        address: Some nodes of the cluster.
        keys: The names there, which have the hash tags of `spread_tags`.
        reactor: The reactor.
        write_batch: Spans the handling of what comes in one chunk.
        tls: The files for TLS.

    Attributes:
        failures: See `link.Link.failures`.

    Raises:
        StartError: The client library is not installed, or a file for TLS is not right.
    """

    def __init__(
        self,
        address: RedisAddress,
        keys: Keys,
        reactor: Any,
        write_batch: AbstractContextManager[object],
        tls: TlsFiles,
    ) -> None:
        if "{" in keys.prefix:
            raise StartError("redis.prefix must have no { with a Redis Cluster")
        self._address = address
        self._keys = keys
        self._reactor = reactor
        self._write_batch = write_batch
        self._tls = tls
        self._parts = dict(zip(spread_tags(), keys.parts, strict=True))
        self._reachability = Reachability(address, reactor)
        self._on_message: Callable[[bytes, bytes], object] = lambda channel, message: None
        self._shards: dict[Place, RedisLink] = {}
        self._leaving: list[RedisLink] = []
        # The masters of the tags: those that are used, and those that will be once all are ready.
        self._masters: dict[str, RedisLink] = {}
        self._next: dict[str, Place] = {}
        self._rights: dict[Place, Rights] = {}
        self._topology = Topology(address, tuple(self._parts), reactor, tls)
        self._topology.report_to(self._found, self._not_found)
        self.failures = 0
        client_library()
        # A fault in the files for TLS must show now, not at the first connection.
        connector(address.at(*address.cluster[0]), tls, reactor)

    @property
    def is_reachable(self) -> bool:
        """See `link.Link.is_reachable`."""
        return self._reachability.is_reachable

    @property
    def is_idle(self) -> bool:
        """See `link.Link.is_idle`."""
        links = (*self._shards.values(), *self._leaving)
        return self._topology.is_idle and all(each.is_idle for each in links)

    @property
    def error(self) -> str:
        """See `link.Link.error`; that of a master where one is the cause."""
        if self.is_reachable:
            return ""
        lost = [each.error for each in self._shards.values() if not each.is_reachable]
        return next(iter(lost), self._reachability.error)

    def report_to(
        self,
        on_connected: Callable[[], object],
        on_disconnected: Callable[[], object],
        on_message: Callable[[bytes, bytes], object],
    ) -> None:
        """See `link.Link.report_to`."""
        self._reachability.report_to(on_connected, on_disconnected)
        self._on_message = on_message

    def start(self) -> None:
        """See `link.Link.start`."""
        self._topology.look()

    def stop(self) -> None:
        """See `link.Link.stop`."""
        self._topology.stop()
        for each in self._shards.values():
            each.stop()

    def reached(self) -> Deferred[None]:
        """See `link.Link.reached`."""
        return self._reachability.reached()

    def report(self, error: str) -> None:
        """See `link.Link.report`."""
        self._reachability.report(error)

    # Commands

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """See `link.Link.call`."""
        return self._call(command, _COMMANDS)

    def control(self, *command: str | bytes | int) -> Deferred[Any]:
        """See `link.Link.control`."""
        return self._call(command, _CONTROL)

    def call_cache(self, command: Command, on_done: Callable[[], object]) -> Deferred[Any]:
        """See `link.Link.call_cache`."""
        return self._call(command, _CACHE, on_done)

    def send(
        self, commands: Sequence[Command], on_done: Callable[[int], object] = lambda errors: None
    ) -> None:
        """See `link.Link.send`; commands for one master are sent in one piece."""
        if not self.is_reachable:
            self.failures += len(commands)
            on_done(len(commands))
            return
        shares: dict[RedisLink, list[Command]] = {}
        for command in commands:
            shares.setdefault(self._master_of(command), []).append(_sharded(command))
        waiting, failed = len(shares), 0

        def done(errors: int) -> None:
            nonlocal waiting, failed
            waiting -= 1
            failed += errors
            self.failures += errors
            if not waiting:
                on_done(failed)

        for link, share in shares.items():
            self._send_share(link, share, done)

    def subscribe(self, channel: str) -> Deferred[Any]:
        """See `link.Link.subscribe`."""
        if not self.is_reachable:
            return self._unreachable()
        return self._master(channel).subscribe(channel).addErrback(self._note_redirect)

    def unsubscribe(self, channel: str) -> None:
        """See `link.Link.unsubscribe`."""
        if self.is_reachable:
            self._master(channel).unsubscribe(channel)

    def catch_up(self) -> Deferred[Any]:
        """See `link.Link.catch_up`; asks all masters."""
        if not self.is_reachable:
            return self._unreachable()
        asked = [each.catch_up() for each in set(self._masters.values())]
        return gatherResults(asked, consumeErrors=True)

    def _call(
        self, command: Command, lane: Lane, on_done: Callable[[], object] | None = None
    ) -> Deferred[Any]:
        call = _RoutedCall(self, command, lane, on_done)
        if self.is_reachable:
            link = self._master_of(command)
            if lane(link).send([command], [call]):
                return call.reply
        call.fail(f"Redis is unreachable: {self.error}")
        return call.reply

    def _send_share(
        self, link: RedisLink, share: list[Command], on_done: Callable[[int], object]
    ) -> None:
        """Sends commands to one master, and those that it asks for to that which they ask for."""

        def done(errors: Mapping[int, str] | None) -> None:
            if not errors:
                on_done(0 if errors is not None else len(share))
                return
            self._look_after(*errors.values())
            # While a slot moves, its new master takes what the earlier one has no longer.
            asked = {at: _asked_place(text) for at, text in errors.items()}
            places = {place for place in asked.values() if place is not None}
            target = self._shards.get(places.pop()) if len(places) == 1 else None
            again = [share[at] for at, place in asked.items() if place is not None]
            if target is None or not target.is_reachable:
                on_done(len(errors))
                return
            others = len(errors) - len(again)
            words = [word for each in again for word in (_ASKING, each)]
            target.send_batch(
                words,
                lambda found: on_done(others + (len(again) if found is None else len(found))),
            )

        link.send_batch(share, done)

    def redirect(self, call: _RoutedCall, error: str) -> bool:
        """Sends a call to the master that a refusal names.

        Args:
            call: The call.
            error: The answer of Redis.

        Returns:
            Whether it was sent.
        """
        self._look_after(error)
        place = _place_in(error)
        link = self._shards.get(place) if place is not None else None
        if link is None or call.redirects >= MAX_REDIRECTS:
            return False
        call.redirects += 1
        call.awaited = 1
        if error.startswith("ASK "):
            asking = Batch(1, lambda errors: None)
            return call.lane(link).send([_ASKING, call.command], [asking, call])
        return call.lane(link).send([call.command], [call])

    def _unreachable(self) -> Deferred[Any]:
        return fail(RedisError(f"Redis is unreachable: {self.error}"))

    def _note_redirect(self, failure: Any) -> Any:
        self._look_after(failure.getErrorMessage())
        return failure

    def _look_after(self, *errors: str) -> None:
        if any(error.startswith(("MOVED ", "CLUSTERDOWN")) for error in errors):
            self._topology.look()

    # Masters

    def _master_of(self, command: Command) -> RedisLink:
        """The master that a command is for: by its first key, or its channel."""
        return self._master(command[3 if command[0] == "EVAL" else 1])

    def _master(self, name: str | bytes | int) -> RedisLink:
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        return self._masters[text.partition("{")[2].partition("}")[0]]

    def _make(self, place: Place) -> RedisLink:
        """A link to one master."""
        rights = Rights(self._keys, self._address.username, self._keys.parts[0])
        link = RedisLink(
            self._address.at(*place), self._reactor, rights, self._write_batch, self._tls
        )
        self._rights[place] = rights
        link.report_to(self._changed, self._changed, self._received)
        link.when_unsubscribed(self._unsubscribed)
        return link

    def _received(self, channel: bytes, message: bytes) -> None:
        self._on_message(channel, message)

    def _found(self, found: SlotMap) -> None:
        """These are the masters: links to new ones are made, and used once all are ready."""
        self._next = found.masters
        self._retire({*found.masters.values(), *self._used_places()})
        for place in dict.fromkeys(found.masters.values()):
            if place not in self._shards:
                self._shards[place] = self._make(place)
                self._shards[place].start()
        for tag, place in found.masters.items():
            # Rights are tried in a part that the master has.
            self._rights[place].try_in(self._parts[tag])
        self._changed()
        if not self.is_reachable:
            self._topology.look()

    def _not_found(self, error: str) -> None:
        if not self.is_reachable:
            self.report(error)

    def _unsubscribed(self) -> None:
        """A slot has moved: the next heartbeat rejoins, and subscribes again."""
        self.failures += 1
        self._topology.look()

    def _changed(self) -> None:
        """A link has become reachable or unreachable, or the masters are others."""
        if self._next and all(self._shards[each].is_reachable for each in self._next.values()):
            self._adopt()
        used = set(self._masters.values())
        reachable = bool(used) and all(each.is_reachable for each in used)
        if reachable:
            self._topology.settle()
        else:
            lost = [each.error for each in used if not each.is_reachable]
            self._topology.look()
            if self.is_reachable:
                # One has missed something, so all start again, subscribed to nothing.
                self._reachability.report(lost[0])
                for each in self._shards.values():
                    each.drop()
        self._reachability.set(reachable)

    def _adopt(self) -> None:
        """All masters are ready: what goes out from now on goes to them."""
        masters = {tag: self._shards[place] for tag, place in self._next.items()}
        places, self._next = set(self._next.values()), {}
        if self._masters and masters != self._masters:
            moved = sum(self._masters[tag] is not link for tag, link in masters.items())
            _log.info("Redis Cluster: {moved} of {all} parts moved", moved=moved, all=len(masters))
            self.failures += 1
        self._masters = masters
        self._retire(places)

    def _used_places(self) -> set[Place]:
        used = set(self._masters.values())
        return {place for place, link in self._shards.items() if link in used}

    def _retire(self, kept: set[Place]) -> None:
        """Closes the links to masters that have nothing of ours any more."""
        self._leaving = [each for each in self._leaving if not each.is_idle]
        for place in self._shards.keys() - kept:
            del self._rights[place]
            link = self._shards.pop(place)
            link.stop()
            self._leaving.append(link)


class _RoutedCall(Call):
    """A call that follows its slot.

    Attributes:
        command: What is called.
        lane: The connection of each link that it goes over.
        redirects: How often it was sent to another master.
    """

    __slots__ = ("_link", "command", "lane", "redirects")

    def __init__(
        self,
        link: ShardedLink,
        command: Command,
        lane: Lane,
        on_done: Callable[[], object] | None,
    ) -> None:
        super().__init__(on_done)
        self._link = link
        self.command = command
        self.lane = lane
        self.redirects = 0

    def take(self, reply: Any) -> None:
        """See `Call.take`."""
        if not (isinstance(reply, Exception) and self._link.redirect(self, str(reply))):
            super().take(reply)


_ASKING: Final = ("ASKING",)


def _sharded(command: Command) -> Command:
    return ("SPUBLISH", *command[1:]) if command[0] == "PUBLISH" else command


def _place_in(error: str) -> Place | None:
    """The node that ``MOVED slot host:port`` or ``ASK slot host:port`` names."""
    kind, _, rest = error.partition(" ")
    host, colon, port = rest.partition(" ")[2].rpartition(":")
    if kind not in ("MOVED", "ASK") or not colon or not port.isdecimal():
        return None
    return host, int(port)


def _asked_place(error: str) -> Place | None:
    return _place_in(error) if error.startswith("ASK ") else None
