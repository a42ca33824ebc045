"""One line to one answer, now or when what runs for it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

from ..connection.connected_client import ConnectedClient
from .request import Request

if TYPE_CHECKING:
    from ..logs.request_counter import RequestObserver
    from ..logs.request_lines import Answered
    from ..stats import Stats
    from .dialect import Dialect
    from .runner import Runner


class Router:
    """Answers the lines of clients that speak one dialect.

    Args:
        dialect: Its verbs, and how it reads other lines.
        runner: Runs what is to run for a line, and answers what ends later.
        stats: Counts the lines.
        log: Gets each request that is answered; or None.
    """

    def __init__(
        self, dialect: Dialect, runner: Runner, stats: Stats, log: RequestObserver | None = None
    ) -> None:
        self._dialect = dialect
        self._runner = runner
        self._stats = stats
        self._log = log

    def serve(self, connection: ConnectedClient, lines: Iterator[bytes]) -> None:
        """Answers lines, now or when what runs for them has ended.

        Args:
            connection: The client.
            lines: The lines, without their ends; `TOO_LONG` for one that was skipped. While the
                connection is on hold, the rest stays in the iterator.
        """
        log = self._log
        first, started = connection.requests + 1, 0.0 if log is None else monotonic()
        # The time when the last action ended; 0 after a verb. To ask for it costs 45 ns.
        now = started
        answered: list[Answered] = []
        verbs, stats, send = self._dialect.verbs, self._stats, connection.outbox.send
        for line in lines:
            if not line:
                continue
            number = connection.requests = connection.requests + 1
            stats.requests += 1
            word, _, rest = line.partition(b" ")
            verb = verbs.get(word)
            # Most verbs answer at once; a `Request` for each would cost them a tenth more.
            request: Request | None = None
            try:
                if verb is None:
                    arrived = 0.0 if log is None else now or monotonic()
                    name, request = "", Request(connection, number, arrived)
                    found = self._dialect.read(request, line, word, rest)
                else:
                    name = verb.name
                    found = verb.answer(connection, number, rest)
                if isinstance(found, bytes):
                    response: bytes | None = found
                else:
                    request = request or Request(connection, number, monotonic(), name)
                    response = self._runner.run(request, found, line)
            except Exception as reason:
                request = request or Request(connection, number, monotonic(), name)
                response = self._runner.refusal(request, reason)
            if response:
                send(response)
            if log is not None:
                # One that still runs is logged when it has ended.
                ended = (
                    None
                    if request is None or response is None
                    else log.request(request.name, request.started, request.error, request.params)
                )
                answered.append(name if request is None else ended)
                now = 0.0 if ended is None else ended[2]
            if connection.holds:
                break
        if log is not None and answered:
            log.answered(connection, first, answered, started, now or monotonic())
