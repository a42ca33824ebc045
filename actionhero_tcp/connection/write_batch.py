"""Collects what one pass over some input produced, and writes it once for each client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from twisted.logger import Logger

_log = Logger()


class Flushable(Protocol):
    """What a write batch writes at its end: an outbox."""

    def flush(self) -> None:
        """Hands the transport what waits."""


class WriteBatch:
    """One pass over some input, at whose end everything it produced is written.

    As a context manager it spans the handling of one chunk; a batch within a batch ends
    with the outer one. What is produced outside of any batch is written in the
    reactor's next pass, also once.

    Args:
        soon: Calls a function in the reactor's next pass.
        joins_late: Whether `late` waits for the reactor's next pass. On an asyncio reactor tasks
            end one by one, and what they send is written together then.

    Attributes:
        late: A context manager for answers of actions that had to wait.
        single: Whether all that is handled in it is one line. Nothing else is said meanwhile, so
            there is nothing to collect.
        client: The id of the client whose lines are handled in it; None where it is nobody's.
            What it asks of other processes counts as its own.
        sent_bytes: Bytes that all outboxes have handed to their transports.
    """

    __slots__ = (
        "_afterwards",
        "_depth",
        "_scheduled",
        "_soon",
        "_touched",
        "client",
        "late",
        "sent_bytes",
        "single",
    )

    def __init__(
        self, soon: Callable[[Callable[[], None]], object], *, joins_late: bool = False
    ) -> None:
        self._soon = soon
        self.late: AbstractContextManager[None] = nullcontext() if joins_late else self
        self._depth = 0
        self.single = False
        self.client: str | None = None
        self.sent_bytes = 0
        self._scheduled = False
        self._touched: list[Flushable] = []
        self._afterwards: deque[Callable[[], None]] = deque()

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        if self._depth == 1:
            try:
                while self._touched or self._afterwards:
                    touched, self._touched = self._touched, []
                    for outbox in touched:
                        outbox.flush()
                    if self._afterwards:
                        self._call(self._afterwards.popleft())
            finally:
                self._depth = 0
                self.single = False
                self.client = None
        else:
            self._depth -= 1

    def touch(self, outbox: Flushable) -> None:
        """Has an outbox written at the end of this batch."""
        self._touched.append(outbox)
        if not self._depth:
            self._finish_soon()

    def afterwards(self, call: Callable[[], None]) -> None:
        """Has a function called at the end of this batch, when everything is written."""
        self._afterwards.append(call)
        if not self._depth:
            self._finish_soon()

    def later(self, call: Callable[[], None]) -> None:
        """Has a function called in the reactor's next pass."""
        self._soon(call)

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            _log.failure("a call at the end of a write batch failed")

    def _finish_soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._soon(self._finish_scheduled)

    def _finish_scheduled(self) -> None:
        self._scheduled = False
        with self:
            pass
