"""The client's side of the protocol, without a network: calls to lines, bytes to answers.

An answer is matched to its call by ``messageCount``, which is the number of the line on its
connection: the server counts every line that is not empty. So one `Conversation` is one
connection, from its first byte on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Any, Final

import msgspec

from ..errors import ClientError
from ..wire import json_reader
from .outcomes import Answer, AnswerError, CallError, LostError, NoAnswerError, TooMuchError
from .parts import Parts
from .roles import Call, Listener
from .settings import Limits
from .transfer import Transfer

_SHOWN_BYTES: Final = 64

MAX_DEPTH: Final = 500
"""Answers that are nested deeper make no sense."""

_decode: Final = msgspec.json.Decoder().decode


class ClientProtocol:
    """What is said on one connection.

    Args:
        listener: Who has it.
        limits: What it may keep.

    Attributes:
        sent: How many requests have been made.
        late: How many answers have come for calls that had given up.
    """

    def __init__(self, listener: Listener, limits: Limits) -> None:
        self._listener = listener
        self._limits = limits
        self._max_pending = limits.max_pending
        self._pending: dict[int, Call] = {}
        self._out: list[bytes] = []
        self._fragments: list[bytes] = []
        self._size = 0
        # Files are fetched one at a time; while the line is made quiet for one, calls are held.
        self._transfers: list[Transfer] = []
        self._marks: dict[int, Callable[[], object]] = {}
        self._held: list[tuple[bytes, Call]] | None = None
        # Then something may be on its way that is not in the table of what is pending.
        self._has_given_up = False
        self.sent = 0
        self.late = 0

    # Asking

    def ask(self, line: bytes, call: Call) -> None:
        """Sends a request.

        Args:
            line: The line, with its end.
            call: Who waits for the answer; told of it, or of what came in its place, once.

        Raises:
            TooMuchError: Too many wait already.
        """
        pending = self._pending
        if self._held is not None or len(pending) >= self._max_pending:
            self._refuse_too_many()
            self.insist(line, call)
            return
        self.sent = number = self.sent + 1
        pending[number] = call
        self._out.append(line)

    def insist(self, line: bytes, call: Call) -> None:
        """Like `ask`, however many wait: for what the client has to say by itself."""
        if self._held is None:
            self._send(line, call)
        else:
            self._held.append((line, call))

    def ask_file(self, line: bytes, call: Call, sink: Callable[[bytes], object] | None) -> None:
        """Sends a request whose answer is a file's content.

        Args:
            line: The line, with its end.
            call: Who waits; it gets the content, or its size where a sink takes the content.
                Its time limit starts again whenever a part has come.
            sink: Takes the content part by part.

        Raises:
            TooMuchError: Too many wait already.
        """
        self._refuse_too_many()
        most = inf if sink is not None else self._limits.max_file_bytes
        self._transfers.append(Transfer(line, call, sink, most))
        if len(self._transfers) == 1:
            self._begin_transfer()

    def take(self) -> bytes:
        """What is to be sent now."""
        out = self._out
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    @property
    def waiting(self) -> int:
        """How many calls have no answer yet."""
        return len(self._pending) + len(self._held or ()) + len(self._transfers)

    def _refuse_too_many(self) -> None:
        if self.waiting >= self._max_pending:
            raise TooMuchError(
                f"{self._max_pending} calls wait for their answers already (max_pending)"
            )

    # Hearing

    def feed(self, data: bytes, now: float) -> None:
        """Takes in some bytes, which begin and end anywhere.

        Args:
            data: The bytes.
            now: The time.
        """
        if self._transfers:
            self._feed_carefully(data, now)
            return
        lines = self._joined(data).split(b"\n")
        last = lines.pop()
        if last:
            self._keep(last)
        self._take(lines, now)

    def _joined(self, data: bytes) -> bytes:
        """The data, after what came before it of its first line; nothing before that has ended."""
        if not self._fragments:
            return data
        if b"\n" not in data:
            self._keep(data)
            return b""
        self._fragments.append(data)
        data = b"".join(self._fragments)
        self._fragments.clear()
        self._size = 0
        return data

    def _keep(self, data: bytes) -> None:
        """Keeps the beginning of a line."""
        self._fragments.append(data)
        self._size += len(data)
        most = self._limits.max_line_bytes
        if self._size > most:
            self._fragments.clear()
            self._size = 0
            self._listener.garbled(LostError(f"an answer is longer than {most} bytes"))

    def _take(self, lines: list[bytes], now: float) -> None:
        """Takes in lines, without their ends."""
        take = self._pending.pop
        for line in lines:
            message: Any = None
            try:
                message = _decode(line)
            except (ValueError, RecursionError):
                message = _read_slowly(line)
            try:
                number: Any = message["messageCount"] if message["context"] == "response" else None
                # Others may be equal to one: True, 1.0.
                call = take(number) if type(number) is int else None
            except (TypeError, KeyError):
                if not self._take_other(message, line):
                    return
                continue
            if call is None:
                self._take_event(message, now)
                continue
            answer = Answer(message)
            answer.number = number
            answer.seconds = now - call.started
            if "error" in message:
                call.fail(AnswerError(answer))
            else:
                call.succeed(answer)

    def _take_other(self, message: Any, line: bytes) -> bool:
        """Takes in a line that no call waits for, as it was read.

        Returns:
            Whether it makes sense.
        """
        if type(message) is not dict:
            shown = ascii(line[:_SHOWN_BYTES])[1:]
            self._listener.garbled(LostError(f"the server has sent what is no message: {shown}"))
            return False
        number = message.get("messageCount")
        if type(number) is int and number > 0 and message.get("context") == "response":
            self._take_mark(number)
        else:
            self._listener.heard(message)
        return True

    def _take_event(self, message: dict[str, Any], now: float) -> None:
        """Take in a message that is no response: a part of one, or anything else."""
        number = message.get("messageCount")
        if message.get("context") == "stream" and type(number) is int:
            call = self._pending.get(number)
            if isinstance(call, Parts):
                call.add(message, now)
                return
        self._listener.heard(message)

    # Files

    def _take_mark(self, number: int) -> None:
        """Takes in an answer that no call waits for: that to a mark, or one that is late."""
        then = self._marks.pop(number, None)
        if then is None:
            self.late += 1
        else:
            then()

    def _feed_carefully(self, data: bytes, now: float) -> None:
        """Takes in bytes in which the content of a file may begin and end."""
        data, start = self._joined(data), 0
        while start < len(data):
            transfer = self._transfers[0] if self._transfers else None
            if transfer is not None and transfer.receiving:
                rest = transfer.feed(data[start:] if start else data, now)
                if rest is None:
                    return
                data, start = rest, 0
                self._end_transfer(transfer, now)
                continue
            end = data.find(b"\n", start)
            if end < 0:
                self._keep(data[start:])
                return
            self._take([data[start:end]], now)
            start = end + 1

    def _begin_transfer(self) -> None:
        """Fetches the first file in the list, as soon as the server has read all that was asked.

        What the server reads in one go it answers in one go. So the request and the marks
        around it leave in one write, on a line on which nothing else is on its way.
        """
        transfer = self._transfers[0]
        if self._pending or self._has_given_up:
            self._send_mark(transfer.quiet_mark, self._request_file)
            self._held = []
        else:
            self._request_file()

    def _request_file(self) -> None:
        """Sends the request for the file with its marks, and then what was held back."""
        transfer = self._transfers[0]
        self._send_mark(transfer.begin_mark, transfer.begin)
        self.sent += 1
        self._out.append(transfer.line)
        transfer.requested(self.sent)
        self.sent += 1
        self._out.append(transfer.end_line)
        held, self._held = self._held or (), None
        for line, call in held:
            self._send(line, call)

    def _send_mark(self, line: bytes, then: Callable[[], object]) -> None:
        self.sent += 1
        self._marks[self.sent] = then
        self._out.append(line)

    def _send(self, line: bytes, call: Call) -> None:
        self.sent += 1
        self._pending[self.sent] = call
        self._out.append(line)

    def _end_transfer(self, transfer: Transfer, now: float) -> None:
        """A file has come, or an error in its place."""
        doubtful = transfer.is_doubtful
        if doubtful:
            transfer.repeat()
        else:
            del self._transfers[0]
        if self._transfers:
            self._begin_transfer()
        if not doubtful:
            # Last, for whoever is told may ask for another one.
            transfer.finish(now)

    # Giving up

    def expire(self, now: float) -> float:
        """Fails the calls that have waited long enough.

        Returns:
            When the next one will have, at the earliest.
        """
        overdue = [number for number, call in self._pending.items() if _end(call) <= now]
        calls = [self._pending.pop(number) for number in overdue]
        if self._held:
            calls += [call for _, call in self._held if _end(call) <= now]
            self._held = [(line, call) for line, call in self._held if _end(call) > now]
        calls += self._expired_files(now)
        for call in calls:
            self._has_given_up = True
            call.fail(NoAnswerError(f"no answer has come within {call.timeout:g} seconds"))
        ends = [_end(call) for call in self._pending.values()]
        ends += [_end(call) for _, call in self._held or ()]
        ends += [transfer.deadline for transfer in self._transfers]
        return min(ends, default=inf)

    def _expired_files(self, now: float) -> Iterator[Call]:
        for transfer in tuple(self._transfers):
            if transfer.deadline <= now:
                if transfer.receiving:
                    error = LostError("a file has not come to its end within the time limit")
                    self._listener.garbled(error)
                yield transfer.give_up()
                if transfer is not self._transfers[0]:
                    self._transfers.remove(transfer)

    def lose(self, error: CallError) -> None:
        """Fails all calls: the connection is gone."""
        calls = [*self._pending.values(), *(call for _, call in self._held or ())]
        calls += [transfer.call for transfer in self._transfers]
        self._pending.clear()
        self._marks.clear()
        self._held = None
        self._transfers.clear()
        self._fragments.clear()
        self._size = 0
        for call in calls:
            call.fail(error)


def _read_slowly(line: bytes) -> object:
    """What a line says that msgspec refuses, such as half a character; None where it is no JSON."""
    try:
        return json_reader.loads(line, MAX_DEPTH)
    except (ClientError, UnicodeDecodeError):
        return None


def _end(call: Call) -> float:
    """When a call has waited long enough."""
    return call.started + call.timeout
