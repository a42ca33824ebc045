"""Questions of a supervisor to its workers, and their answers, on a channel to each of them.

The supervisor sends a word a line; the worker answers each with one line of JSON, in order.
"""

from __future__ import annotations

import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

HEALTH: Final = "health"
METRICS: Final = "metrics"
"""What a supervisor asks for: why a worker is not ready, and its metrics."""

ANSWER_SECONDS: Final = 3.0
"""A worker that has not answered by then is left out; Prometheus waits 10 s by default."""

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""The longest answer; ten thousand actions have metrics of about 20 MB."""

_log = Logger()


class Reporter(LineOnlyReceiver):
    """A worker's end.

    Args:
        answers: Gives the answer to each word, as a JSON value.
    """

    delimiter = b"\n"

    def __init__(self, answers: Mapping[str, Callable[[], object]]) -> None:
        self._answers = answers

    def lineReceived(self, line: bytes) -> None:
        """Answers; with null where there is no answer."""
        value = None
        try:
            value = self._answers[line.decode()]()
        except Exception:
            _log.failure("cannot answer the supervisor")
        self.sendLine(json.dumps(value).encode())  # type: ignore[no-untyped-call]


class Questioner(LineOnlyReceiver):
    """The supervisor's end of the channel to one worker."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_ANSWER_BYTES

    def __init__(self) -> None:
        self._asked: deque[str] = deque()
        self._waiting: dict[str, list[Deferred[Any]]] = {}

    def ask(self, word: str) -> Deferred[Any]:
        """Asks, unless the same question waits for its answer already.

        Returns:
            A Deferred of the answer; None where the worker ends before that.
        """
        answer: Deferred[Any] = Deferred()
        if word in self._waiting:
            # Those that were given up go: a worker that is stuck is asked again and again.
            waiting = [each for each in self._waiting[word] if not each.called]
            self._waiting[word] = [*waiting, answer]
        else:
            self._waiting[word] = [answer]
            self._asked.append(word)
            self.sendLine(word.encode())  # type: ignore[no-untyped-call]
        return answer

    def lineReceived(self, line: bytes) -> None:
        """Hands on an answer."""
        self._answer(self._asked.popleft(), json.loads(line))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nothing more will be answered."""
        while self._asked:
            self._answer(self._asked.popleft(), None)

    def close(self) -> None:
        """Closes the channel."""
        transport: Any = self.transport
        transport.loseConnection()

    def _answer(self, word: str, value: object) -> None:
        for each in self._waiting.pop(word):
            if not each.called:
                each.callback(value)


class WorkerReports:
    """Asks all workers.

    Args:
        reactor: The reactor.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._workers: dict[int, Questioner] = {}

    def add(self, number: int, end: socket.socket) -> None:
        """Takes a new worker, and our end of its channel, which is closed here."""
        questioner = Questioner()
        adopt(self._reactor, end, questioner)
        self._workers[number] = questioner

    def remove(self, number: int) -> None:
        """Forgets a worker that has ended."""
        self._workers.pop(number).close()

    def ask(self, word: str) -> Deferred[dict[int, Any]]:
        """Asks all workers.

        Returns:
            A Deferred of the answers by the workers' numbers; None of one that does not answer
            within `ANSWER_SECONDS`.
        """
        numbers = sorted(self._workers)
        answers = [self._ask(self._workers[number], word) for number in numbers]
        return gatherResults(answers).addCallback(
            lambda values: dict(zip(numbers, values, strict=True))
        )

    def _ask(self, worker: Questioner, word: str) -> Deferred[Any]:
        answer = worker.ask(word).addTimeout(ANSWER_SECONDS, self._reactor)
        return answer.addErrback(lambda _: None)


def adopt(reactor: Any, end: socket.socket, protocol: LineOnlyReceiver) -> None:
    """Has a protocol speak on one end of a channel.

    Args:
        reactor: The reactor.
        end: The end; it is closed, since the reactor has a copy of it.
        protocol: The protocol.
    """
    factory = Factory.forProtocol(lambda: protocol)
    factory.noisy = False
    reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)
    end.close()
