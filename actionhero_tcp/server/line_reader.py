"""Reads one client's lines: splits them, serves them, and pauses while they have to wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..clock import Timer, stop
from ..connection.backlog import LINES_AT_ONCE, Backlog
from ..connection.fair_queue import COSTLY_SECONDS
from ..connection.rate_limit import RateLimit
from ..connection.state import ReadHold
from .newcomer import Newcomer

if TYPE_CHECKING:
    from ..connection.connected_client import ConnectedClient
    from ..connection.memory import Account
    from .context import ServerContext


class ReaderOwner(Protocol):
    """The owner of the transport: the protocol, or a stand-in in tests."""

    def pause_reading(self) -> None:
        """Reads no more from the client for now."""

    def resume_reading(self) -> None:
        """Reads from the client again."""

    def input_served(self) -> None:
        """Nothing more will be read, and the last line that waited has been served."""


class LineReader:
    """Reads the lines of a client that has been welcomed.

    While a client has lines that wait it is not read from, so these are what one read of the
    socket gave, 64 KiB at most.

    Args:
        owner: Pauses and resumes the transport.
        connection: The client.
        context: The context of all connections.
        account: Is charged with what waits.

    Attributes:
        tag: See `fair_queue.Waiting`.
    """

    __slots__ = (
        "_account",
        "_answer",
        "_backlog",
        "_backlog_charge",
        "_client",
        "_connection",
        "_context",
        "_ended",
        "_line_charge",
        "_memory",
        "_newcomer",
        "_owner",
        "_paused",
        "_queue",
        "_rate_limit",
        "_rate_timer",
        "_seconds",
        "_splitter",
        "_write_batch",
        "tag",
    )

    def __init__(
        self,
        owner: ReaderOwner,
        connection: ConnectedClient,
        context: ServerContext,
        account: Account,
    ) -> None:
        limits = context.live.limits
        self._owner = owner
        self._connection = connection
        self._context = context
        self._account = account
        # What is asked for each line; to find it by the context each time takes longer.
        self._answer = context.router.serve
        self._queue = context.queue
        self._seconds = context.queue.seconds
        self._memory = context.memory
        self._write_batch = context.write_batch
        self._client = connection.id
        self._splitter = connection.profile.splitter(limits.max_line_length)
        connection.announced = not limits.announce_delay
        self._newcomer: Newcomer | None = Newcomer(
            connection,
            context.rooms,
            context.clock,
            limits.announce_delay,
            context.live.config.web.port,
        )
        self._rate_limit: RateLimit | None = None
        if limits.request_rate:
            now = context.clock.seconds()
            self._rate_limit = RateLimit(limits.request_rate, limits.request_burst, now)
        self._rate_timer: Timer | None = None
        self._backlog: Backlog | None = None
        self._line_charge = self._backlog_charge = 0
        self._paused = self._ended = False
        self.tag = 0.0

    @property
    def has_backlog(self) -> bool:
        """Whether lines wait."""
        return self._backlog is not None

    def feed(self, data: bytes) -> None:
        """Takes in some bytes, in which lines begin and end anywhere."""
        splitter = self._splitter
        lines = splitter.feed(data)
        if splitter.size or self._line_charge:
            self._line_charge = self._account.change(self._line_charge, splitter.held)
        if self._newcomer is not None and not self._meet(self._newcomer, data, lines):
            return
        if lines:
            seconds, write_batch = self._seconds, self._write_batch
            began = seconds()
            with write_batch:
                write_batch.single = len(lines) == 1
                write_batch.client = self._client
                self._take(lines)
            spent = seconds() - began
            if spent >= COSTLY_SECONDS:
                self._queue.spent(self, spent)

    def pause(self) -> None:
        """Reads no more from the client until `resume` finds no reason to wait."""
        if not self._ended:
            self._paused = True
            self._owner.pause_reading()

    def resume(self) -> None:
        """Serves lines that had to wait, and reads on, unless there is a reason to wait."""
        connection, backlog = self._connection, self._backlog
        if connection.holds or (backlog is not None and self._lacks_memory(())):
            return
        if backlog is not None:
            self._backlog = None
            write_batch = self._context.write_batch
            with write_batch:
                # It may be within the batch of another one, or of what has come from Redis.
                before, write_batch.client = write_batch.client, connection.id
                self._serve(backlog)
                write_batch.client = before
            if self._backlog is not None or connection.holds & ReadHold.CLOSING:
                return
            self._drop_backlog()
        if self._ended:
            if backlog is not None:
                self._owner.input_served()
        elif self._paused and not connection.holds:
            self._paused = False
            self._owner.resume_reading()

    def end(self) -> None:
        """Nothing more will be read; lines that wait are served all the same."""
        self._ended = True
        self._splitter.forget()
        self._forget_newcomer()

    def close(self) -> None:
        """Nothing more will be read or served."""
        self.end()
        stop(self._rate_timer)
        self._drop_backlog()

    def serve_waiting(self) -> None:
        """See `connection.fair_queue.Waiting`."""
        queue = self._context.queue
        began = queue.seconds()
        self._connection.release(ReadHold.QUEUED)
        self.resume()
        spent = queue.seconds() - began
        if spent >= COSTLY_SECONDS:
            queue.spent(self, spent)

    def _meet(self, newcomer: Newcomer, data: bytes, lines: list[bytes]) -> bool:
        """Has a newcomer look at what came; gives whether lines are to be served."""
        with self._context.write_batch:
            if newcomer.received(data, lines):
                self._newcomer = None
        return not self._connection.holds & ReadHold.CLOSING

    def _take(self, lines: list[bytes]) -> None:
        """Serves lines, or keeps them where earlier ones still wait."""
        connection, queue = self._connection, self._queue
        if self._backlog is not None:
            self._backlog.extend(lines)
            self._charge_backlog()
        elif connection.holds or (self._memory.pressed and self._lacks_memory(lines)):
            self._stall(Backlog(lines))
        elif queue.exhausted or (self.tag and queue.is_behind(self)):
            self._stall(Backlog(lines))
            self._wait_for_turn()
        elif self._rate_limit is not None or len(lines) > LINES_AT_ONCE:
            self._serve(Backlog(lines))
        else:
            rest = iter(lines)
            self._answer(connection, rest)
            if connection.holds:
                self._stall(Backlog(rest))

    def _lacks_memory(self, lines: Sequence[bytes]) -> bool:
        """Whether memory is short, and the client is one of the heaviest with these lines."""
        memory = self._context.memory
        return memory.pressed and memory.must_wait(self._account, sum(map(len, lines)))

    def _serve(self, backlog: Backlog) -> None:
        """Serves lines for as long as the client may go on; the rest waits."""
        context, connection = self._context, self._connection
        wait = backlog.serve(context.router.serve, connection, context.clock, self._rate_limit)
        if connection.holds:
            self._stall(backlog)
        elif backlog:
            self._stall(backlog)
            if wait:
                context.stats.limited["requestRate"] += 1
                connection.hold(ReadHold.RATE)
                self._rate_timer = context.clock.callLater(wait, self._rate_passed)
            else:
                self._wait_for_turn()

    def _rate_passed(self) -> None:
        self._connection.release(ReadHold.RATE)
        self.resume()

    def _wait_for_turn(self) -> None:
        self._connection.hold(ReadHold.QUEUED)
        self._context.queue.wait(self)

    def _stall(self, backlog: Backlog) -> None:
        """Keeps lines for later, and reads no more until they are served."""
        if self._connection.holds & ReadHold.CLOSING:
            return
        self._backlog = backlog
        if not self._backlog_charge:
            self._charge_backlog()
        self.pause()

    def _charge_backlog(self) -> None:
        """Charges the lines that wait; until all of them are served no less."""
        assert self._backlog is not None
        self._backlog_charge = self._account.change(self._backlog_charge, self._backlog.held)

    def _drop_backlog(self) -> None:
        self._backlog = None
        self._backlog_charge = self._account.change(self._backlog_charge, 0)

    def _forget_newcomer(self) -> None:
        if self._newcomer is not None:
            self._newcomer.stop()
            self._newcomer = None
