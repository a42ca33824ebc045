"""Writes a log in a separate thread, so that a slow reader or disk holds up nobody else.

The reactor hands over bytes and goes on. A pipe whose reader has stopped, a full FIFO or a disk
that hangs holds up this thread alone; what does not fit the queue meanwhile is dropped and
counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from twisted.logger import Logger

from .file import LogFile

MAX_QUEUED_BYTES: Final = 4 * 1024 * 1024
"""How much waits for a log that takes nothing, unless the settings say otherwise."""

_Item = tuple[tuple[bytes, ...], int] | Callable[[], object]
"""Pieces and their bytes, or something to do between them."""


def _END() -> None:
    """Ends the thread."""


_log = Logger()


class LogWriter:
    """Writes what it is given, in order.

    Until `start` it writes in the caller's thread, what a pipe takes without waiting: the
    process may still fork, and a thread does not survive that.

    Args:
        file: What it writes to.
        max_queued_bytes: The limit of the queue. A piece larger than that waits by itself.
        on_drop: Called with the number of lines that did not fit, each time.
    """

    def __init__(
        self,
        file: LogFile,
        max_queued_bytes: int = MAX_QUEUED_BYTES,
        on_drop: Callable[[int], object] = lambda lines: None,
    ) -> None:
        self.file = file
        self._max_bytes = max_queued_bytes
        self._on_drop = on_drop
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._lock = threading.Lock()
        self._bytes = self._lost = 0
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._deadline: float | None = None
        self._failing = False

    def start(self) -> None:
        """Write in a thread from now on; the process must not fork any more."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.file.what, daemon=True)
            self._thread.start()

    def put(self, *pieces: bytes) -> None:
        """Write whole lines, soon."""
        size = sum(map(len, pieces))
        with self._lock:
            if self._is_closed:
                return
            fits = not self._bytes or self._bytes + size <= self._max_bytes
            if fits:
                self._bytes += size
            else:
                lost = _lines(pieces)
                self._lost += lost
        if not fits:
            self._on_drop(lost)
            return
        self._enqueue((pieces, size))
        if self._deadline is not None:
            self._wait(self._deadline)

    def call(self, function: Callable[[], object]) -> None:
        """Call a function once all that was put before is written, in the thread."""
        self._enqueue(function)

    def close(self, closed: Callable[[], object]) -> None:
        """Write what waits, and close the file; what comes later is not written.

        Args:
            closed: Called when that is done, in the thread.
        """
        with self._lock:
            self._is_closed = True
        self.call(self.file.close)
        self.call(closed)
        self._enqueue(_END)

    def settle(self, seconds: float) -> None:
        """Wait until all is written; from now on `put` waits as well.

        Args:
            seconds: How long all these waits may take together.
        """
        self._deadline = time.monotonic() + seconds
        self._wait(self._deadline)

    def _wait(self, deadline: float) -> None:
        if threading.current_thread() is self._thread:
            return
        written = threading.Event()
        self.call(written.set)
        written.wait(max(0.0, deadline - time.monotonic()))

    def _enqueue(self, item: _Item) -> None:
        self._queue.put(item)
        if self._thread is None:
            with suppress(Empty):
                while self.file.takes_more:
                    self._handle(self._queue.get_nowait())

    def _run(self) -> None:
        while (item := self._queue.get()) is not _END:
            self._handle(item)

    def _handle(self, item: _Item) -> None:
        if isinstance(item, tuple):
            self._write(*item)
        else:
            try:
                item()
            except Exception:
                _log.failure("{what}: a call between its lines failed", what=self.file.what)

    def _write(self, pieces: tuple[bytes, ...], size: int) -> None:
        reason = None
        try:
            self.file.write(*pieces)
        except OSError as error:
            reason = error.strerror
        with self._lock:
            self._bytes -= size
            if reason is not None:
                self._lost += _lines(pieces)
                lost = 0
            elif self._bytes <= self._max_bytes // 2:
                lost, self._lost = self._lost, 0
            else:
                lost = 0
        # A receiver of this may write to the same log.
        failing, self._failing = self._failing, reason is not None
        if reason is not None and not failing:
            _log.error(
                "{what} cannot be written, its lines are lost: {reason}",
                what=self.file.what,
                reason=reason,
            )
        if lost:
            _log.warn(
                "{what} is written again; {lines} lines were lost",
                what=self.file.what,
                lines=lost,
            )


def _lines(pieces: tuple[bytes, ...]) -> int:
    """Return the number of lines in some pieces."""
    return sum(piece.count(b"\n") for piece in pieces)
