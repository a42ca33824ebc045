"""The line to Redis: two connections, which come back by themselves and never keep anybody waiting.

One connection carries commands, the other hears what is published. Only when both are there is
Redis *here*; otherwise it is *away*, and every call fails at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..clock import Clock, stop
from ..errors import printable
from .address import RedisAddress
from .connection import RedisConnection
from .protocol import Command, protocols

REACH_SECONDS: Final = 5.0
"""So long the start waits for Redis, where something needs it."""

SAME_ERROR_SECONDS: Final = 60.0
"""An error that stays the same is logged once in so many seconds."""

_log = Logger()


class RedisLink:
    """The two connections.

    Args:
        address: Where Redis is.
        reactor: The reactor.
        turn: Spans the handling of what comes in one chunk.

    Attributes:
        failures: How many of the commands that were told have failed.

    Raises:
        StartError: The client library is not installed.
    """

    def __init__(
        self,
        address: RedisAddress,
        reactor: Any,
        write_batch: AbstractContextManager[object] | None = None,
    ) -> None:
        self._address = address
        self._came: Callable[[], object] = lambda: None
        self._went: Callable[[], object] = lambda: None
        self._heard: Callable[[bytes, bytes], object] = lambda channel, message: None
        self._here = False
        self.failures = 0
        self._error = ""
        self._logged_at = float("-inf")
        self._reached: Deferred[None] | None = None
        self._clock: Clock = reactor
        commands, subscriber = protocols(
            write_batch or nullcontext(), lambda *published: self._heard(*published)
        )
        self._commands = RedisConnection(self, commands, address, reactor)
        self._subscriber = RedisConnection(self, subscriber, address, reactor)

    @property
    def is_here(self) -> bool:
        """Whether Redis answers."""
        return self._here

    @property
    def error(self) -> str:
        """Why Redis is away; empty while it is here."""
        return "" if self._here else self._error or "it has not been reached yet"

    def tell_of(
        self,
        came: Callable[[], object],
        went: Callable[[], object],
        heard: Callable[[bytes, bytes], object],
    ) -> None:
        """Sets who is told of what happens.

        Args:
            came: Called when Redis is here, also when it is here again; nothing is subscribed
                then.
            went: Called when it is away.
            heard: Called with the channel and the message of what was published.
        """
        self._came, self._went, self._heard = came, went, heard

    def start(self) -> None:
        """Starts to connect."""
        self._commands.start()
        self._subscriber.start()

    def reached(self) -> Deferred[None]:
        """Waits until it is known for the first time whether Redis is here.

        Returns:
            A Deferred that fires then, or after a few seconds. Only one waits at a time.
        """
        reached: Deferred[None] = Deferred()
        if self._here or self._error:
            reached.callback(None)
            return reached
        self._reached = reached
        timer = self._clock.callLater(REACH_SECONDS, self._is_reached)
        return reached.addCallback(lambda _: stop(timer))

    def stop(self) -> None:
        """Closes both connections, and connects no more."""
        self._commands.stop()
        self._subscriber.stop()

    def call(self, *command: str | bytes | int) -> Deferred[Any]:
        """Sends a command.

        Returns:
            A Deferred of the reply, strings as bytes. It fails with a `RedisAwayError` where
            there is none within the time limit, at once where Redis is away, and where Redis
            answers with an error.
        """
        return self._commands.call(*command)

    def tell(self, commands: Sequence[Command]) -> None:
        """Sends commands in one go, without waiting for replies.

        Where one of them cannot be sent, or fails, `failures` grows.
        """
        self._commands.tell(commands)

    def subscribe(self, channel: str) -> Deferred[Any]:
        """Subscribes; the Deferred fires when what is published from now on will be heard.

        One at a time: of several channels in one command txredisapi takes the further
        replies for those of other commands.
        """
        return self._subscriber.call("SUBSCRIBE", channel)

    def unsubscribe(self, channel: str) -> None:
        """Ends a subscription."""
        self._subscriber.tell([("UNSUBSCRIBE", channel)])

    def changed(self) -> None:
        """One of the connections has come or gone."""
        here = self._commands.is_here and self._subscriber.is_here
        if here == self._here:
            return
        self._here = here
        if here:
            self._error = ""
            _log.info("Redis is here ({address})", address=self._address)
            self._came()
            self._is_reached()
        else:
            # What one of them has missed the other must not act on.
            self._commands.drop()
            self._subscriber.drop()
            self._went()

    def note(self, error: str) -> None:
        """Something is wrong: it is logged when it is new, and now and then."""
        now = self._clock.seconds()
        if error != self._error or now - self._logged_at >= SAME_ERROR_SECONDS:
            self._logged_at = now
            _log.warn(
                "Redis is away ({address}): {error}; this node goes on alone",
                address=self._address,
                error=printable(error),
            )
        self._error = error
        self._is_reached()

    def _is_reached(self) -> None:
        reached, self._reached = self._reached, None
        if reached is not None:
            reached.callback(None)
