"""Files of a server that sends no header: fetched one at a time, each between two marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import inf

from .outcomes import AnswerError, CallError, ConnectionLost
from .raw_transfer import RawTransfer
from .roles import Call, Sender, deadline


class RawFiles:
    """The raw transfers of one connection; the receiver of their bytes.

    The server answers in one write all that it has read in one. So the request and the marks around
    it
    leave in one write, on a connection on which nothing else is on its way.

    Args:
        sender: The protocol of the connection.

    Attributes:
        held: Requests that wait while the connection is made quiet; None if none has to wait.
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._transfers: list[RawTransfer] = []
        self.held: list[tuple[bytes, Call]] | None = None

    def __len__(self) -> int:
        """The number of files that have not come to their end."""
        return len(self._transfers)

    def ask(self, transfer: RawTransfer) -> None:
        """Fetch a file after those asked for before."""
        self._transfers.append(transfer)
        if len(self._transfers) == 1:
            self._begin()

    def _begin(self) -> None:
        """Fetch the first file in the list, once the server has read all other requests."""
        if self._sender.is_quiet:
            self._request()
        else:
            self._sender.send(self._transfers[0].quiet_mark, _Mark(self._request))
            self.held = []

    def _request(self) -> None:
        """Send the request for the file between its marks, and then what was held back."""
        transfer, send = self._transfers[0], self._sender.send
        send(transfer.begin_mark, _Mark(partial(self._receive, transfer)))
        transfer.requested(send(transfer.line, None))
        send(transfer.end_line, None)
        held, self.held = self.held or (), None
        for line, call in held:
            send(line, call)

    def _receive(self, transfer: RawTransfer) -> None:
        transfer.begin()
        self._sender.receive(self)

    def feed(self, data: bytes, now: float) -> bytes | None:
        """Take bytes of the first file; see `roles.Body.feed`."""
        return self._transfers[0].feed(data, now)

    def finish(self, now: float) -> None:
        """Handle the end of the first file."""
        transfer = self._transfers[0]
        doubtful = transfer.is_doubtful
        if doubtful:
            transfer.repeat()
        else:
            del self._transfers[0]
        if self._transfers:
            self._begin()
        if not doubtful:
            # Last, for the caller may ask for another file.
            transfer.finish(now)

    # Giving up

    def expire(self, now: float) -> Iterator[Call]:
        """Give up the files and held requests whose time has passed; yields their callers."""
        for transfer in tuple(self._transfers):
            if transfer.deadline <= now:
                if transfer.receiving:
                    error = ConnectionLost("a file has not come to its end within the time limit")
                    self._sender.protocol_failed(error)
                yield transfer.give_up()
                if transfer is not self._transfers[0]:
                    self._transfers.remove(transfer)
        for entry in tuple(self.held or ()):
            if deadline(entry[1]) <= now:
                assert self.held is not None
                self.held.remove(entry)
                yield entry[1]

    @property
    def deadline(self) -> float:
        """The earliest time at which `expire` has something to do."""
        ends = [transfer.deadline for transfer in self._transfers]
        return min([*ends, *(deadline(call) for _, call in self.held or ())], default=inf)

    def lose(self, error: CallError) -> None:
        """Fail all: the connection is gone."""
        calls = [call for _, call in self.held or ()]
        calls += [transfer.call for transfer in self._transfers]
        self.held = None
        self._transfers.clear()
        for call in calls:
            call.fail(error)


class _Mark:
    """The call of a mark, whose answer is an error; see `roles.Call`."""

    started = 0.0
    timeout = inf

    def __init__(self, on_answer: Callable[[], object]) -> None:
        self._on_answer = on_answer

    def succeed(self, result: object) -> None:
        """Handle an answer, which no server gives: nobody can guess the name."""
        self._on_answer()

    def fail(self, error: Exception) -> None:
        """Handle the answer; a lost connection is none."""
        if isinstance(error, AnswerError):
            self._on_answer()
