"""Reads files in a thread while the server runs: a disk that hangs holds up nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Generic, TypeVar

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..clock import Timer, stop
from ..errors import StartError

READ_SECONDS: Final = 10.0
"""Reading that takes longer has failed, and may be tried again."""

MOST_HUNG: Final = 4
"""So many threads may wait for a disk for longer than that; then no other one is started."""

_log = Logger()

T = TypeVar("T")


def start_thread(call: Callable[[], None]) -> None:
    """Runs a function in a thread that the end of the process does not wait for."""
    threading.Thread(target=call, name="reload", daemon=True).start()


class FileReading(Generic[T]):
    """Reads the same files over and over, one time after the other.

    Args:
        reactor: Calls later, and from threads.
        read: Reads, in the thread; may raise StartError.
        use: Gets what was read.
        fail: Gets what went wrong, as a text.
        done: Called when all is over, whatever came of it.
    """

    def __init__(
        self,
        reactor: Any,
        read: Callable[[], T],
        use: Callable[[T], object],
        fail: Callable[[str], object],
        done: Callable[[], object],
    ) -> None:
        self._reactor = reactor
        self._read = read
        self._use = use
        self._fail = fail
        self._done = done
        self._attempt: object = None
        self._hung: set[object] = set()
        self._again = False
        self._timer: Timer | None = None

    def start(self) -> None:
        """Reads the files; where they are being read, once more afterwards."""
        if self._attempt is not None:
            self._again = True
        elif len(self._hung) >= MOST_HUNG:
            self._fail(f"{MOST_HUNG} earlier ones still wait for a disk that does not answer")
            self._done()
        else:
            self._attempt = attempt = object()
            self._timer = self._reactor.callLater(READ_SECONDS, self._too_slow)
            start_thread(partial(self._run, attempt))

    def _run(self, attempt: object) -> None:
        """Reads, in the thread."""
        outcome: Callable[[], object]
        try:
            outcome = partial(self._use, self._read())
        except StartError as error:
            outcome = partial(self._fail, str(error))
        except Exception:
            outcome = partial(self._failed, Failure())
        self._reactor.callFromThread(self._end, attempt, outcome)

    def _end(self, attempt: object, outcome: Callable[[], object]) -> None:
        if attempt is not self._attempt:
            self._hung.discard(attempt)
            _log.info("files that could not be read in time can be read again")
            return
        stop(self._timer)
        outcome()
        self._over()

    def _too_slow(self) -> None:
        self._hung.add(self._attempt)
        self._fail(
            f"its files could not be read within {READ_SECONDS:g} s; reload again once the disk "
            "answers"
        )
        self._over()

    def _failed(self, failure: Failure) -> None:
        _log.failure("reading the files failed", failure=failure)
        self._fail("an internal error")

    def _over(self) -> None:
        self._attempt = None
        again, self._again = self._again, False
        if again:
            self.start()
        else:
            self._done()
