"""Both logs, for those who start, reopen and close them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred

from ..clock import stop
from ..errors import StartError
from .request_log import RequestLog
from .server_log import ServerLog
from .writer import LogWriter

LAST_SECONDS: Final = 1.0
"""At least so long the last lines of the server's log are waited for."""


class Loggers:
    """The server's own log, and the request log.

    Args:
        reactor: The reactor, whose thread they never hold up.
        server: Writes the server's own events; None where twistd writes them elsewhere.
        requests: Writes the requests; None where they are not logged.
        seconds: How long the end of the process may wait for both together.

    Attributes:
        server: See above.
        requests: See above.
    """

    def __init__(
        self,
        reactor: Any,
        server: ServerLog | None = None,
        requests: RequestLog | None = None,
        seconds: float = 5.0,
    ) -> None:
        self._reactor = reactor
        self.server = server
        self.requests = requests
        self._seconds = seconds
        self._deadline: float | None = None

    @property
    def goes_nowhere(self) -> bool:
        """Whether requests are logged to /dev/null, as a daemon's standard output is."""
        return self.requests is not None and self.requests.writer.file.goes_nowhere

    def start(self) -> None:
        """Write in threads from now on; the process must not fork any more."""
        for writer in self._writers():
            writer.start()
        if self.server is not None:
            self._reactor.addSystemEventTrigger("after", "shutdown", self._settle)

    def reopen(self, reopened: Callable[[list[str]], object]) -> None:
        """Open the files of both logs again, after they were moved away; no line is lost.

        Args:
            reopened: Called in the reactor's thread with what went wrong, a text for each
                file that cannot be opened; its log goes on in the file that it had.
        """
        if self.requests is not None:
            self.requests.flush()
        errors: list[str] = []
        writers = list(self._writers())
        waiting = len(writers)

        def one_reopened(error: str | None) -> None:
            nonlocal waiting
            waiting -= 1
            if error is not None:
                errors.append(error)
            if not waiting:
                reopened(errors)

        def reopen(writer: LogWriter) -> None:
            error = None
            try:
                writer.file.reopen()
            except StartError as reason:
                error = str(reason)
            self._reactor.callFromThread(one_reopened, error)

        if not writers:
            reopened(errors)
        for writer in writers:
            writer.call(partial(reopen, writer))

    def close(self) -> Deferred[None]:
        """Write what waits, and close the request log; the server's log has more to say.

        Returns:
            A Deferred that fires when that is done, or takes too long.
        """
        self._deadline = time.monotonic() + self._seconds
        closed: Deferred[None] = Deferred()
        requests, self.requests = self.requests, None
        if requests is None:
            closed.callback(None)
            return closed

        def done() -> None:
            stop(timer)
            if not closed.called:
                closed.callback(None)

        timer = self._reactor.callLater(self._seconds, done)
        requests.flush()
        requests.writer.close(lambda: self._reactor.callFromThread(done))
        return closed

    def _writers(self) -> Iterator[LogWriter]:
        for log in (self.server, self.requests):
            if log is not None:
                yield log.writer

    def _settle(self) -> None:
        """The reactor has ended: what the process says from now on is waited for."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._seconds
        for writer in self._writers():
            # The request log may have used up the time; the server's log has its last lines still.
            writer.settle(max(LAST_SECONDS, self._deadline - now))
