"""The client's side of the protocol, without a network: calls to lines, bytes to answers.

An answer is matched to its call by ``messageCount``, which is the number of the line on its
connection: the server counts every line that is not empty. So one `ClientProtocol` is one
connection, from its first byte on.
"""

from __future__ import annotations

from math import inf
from typing import Any

from .download import Download
from .files import Files
from .fragments import Fragments
from .messages import decode, read_slowly, shown
from .outcomes import Answer, AnswerError, CallError, CallTimeout, ConnectionLost, TooManyPending
from .parts import Parts
from .roles import Body, Call, Listener, deadline
from .settings import Limits


class ClientProtocol:
    """The protocol of one connection.

    Args:
        listener: The owner.
        limits: The most that it keeps.
        offers_header: Whether the server sends files with a header; None to find out.

    Attributes:
        sent: The number of requests so far.
        late: The number of answers for calls that had given up.
    """

    def __init__(
        self, listener: Listener, limits: Limits, offers_header: bool | None = None
    ) -> None:
        self._listener = listener
        self._max_pending = limits.max_pending
        self._pending: dict[int, Call] = {}
        self._out: list[bytes] = []
        self._fragments = Fragments(limits.max_line_bytes, listener.protocol_failed)
        self._files = Files(self, offers_header)
        self._has_files = False
        self._body: Body | None = None
        # Then something may be on its way that is not in the table of what is pending.
        self._has_given_up = False
        self.sent = 0
        self.late = 0

    # Asking

    def ask(self, line: bytes, call: Call) -> None:
        """Send a request.

        Args:
            line: The line, with its end.
            call: The caller; told once of the answer, or of what came in its place.

        Raises:
            TooManyPending: Too many wait already.
        """
        pending = self._pending
        if self._has_files or len(pending) >= self._max_pending:
            if self._files.raw.held is not None or len(pending) >= self._max_pending:
                self._refuse_too_many()
            self.insist(line, call)
            return
        self.sent = number = self.sent + 1
        pending[number] = call
        self._out.append(line)

    def insist(self, line: bytes, call: Call) -> None:
        """Like `ask`, past the limit of waiting calls: for the client's own requests."""
        held = self._files.raw.held
        if held is None:
            self.send(line, call)
        else:
            held.append((line, call))

    def send(self, line: bytes, call: Call | None) -> int:
        """Send a request past all limits; see `roles.Sender`."""
        self.sent += 1
        if call is not None:
            self._pending[self.sent] = call
        self._out.append(line)
        return self.sent

    def ask_file(self, download: Download) -> None:
        """Fetch a file. Its time limit starts again with each part.

        Raises:
            TooManyPending: Too many calls wait already.
        """
        self._refuse_too_many()
        self._has_files = True
        self._files.ask(download)

    def take(self) -> bytes:
        """Return what is to be sent now."""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    @property
    def waiting(self) -> int:
        """The number of calls without an answer."""
        return len(self._pending) + len(self._files.raw.held or ()) + len(self._files)

    @property
    def is_quiet(self) -> bool:
        """Whether the server has answered every request; see `roles.Sender`."""
        return not self._pending and not self._has_given_up

    def _refuse_too_many(self) -> None:
        if self.waiting >= self._max_pending:
            most = self._max_pending
            raise TooManyPending(f"{most} calls wait for their answers already (max_pending)")

    # Receiving

    def feed(self, data: bytes, now: float) -> None:
        """Take in some bytes, which begin and end anywhere.

        Args:
            data: The bytes.
            now: The time.
        """
        if self._has_files:
            self._feed_carefully(data, now)
            self._has_files = len(self._files) > 0
            return
        fragments = self._fragments
        lines = (fragments.join(data) if fragments.size else data).split(b"\n")
        last = lines.pop()
        if last:
            fragments.keep(last)
        self._take(lines, now)

    def receive(self, body: Body) -> None:
        """Hand the bytes from here on to a receiver; see `roles.Sender`."""
        self._body = body

    def protocol_failed(self, error: ConnectionLost) -> None:
        """Give up the connection; see `roles.Sender`."""
        self._listener.protocol_failed(error)

    def _feed_carefully(self, data: bytes, now: float) -> None:
        """Take in bytes in which the content of a file may begin and end."""
        if self._fragments.size:
            data = self._fragments.join(data)
        start = 0
        while True:
            body = self._body
            if body is None:
                end = data.find(b"\n", start)
                if end < 0:
                    break
                self._take([data[start:end]], now)
                start = end + 1
            else:
                rest = body.feed(data[start:], now)
                if rest is None:
                    return
                data, start, self._body = rest, 0, None
                body.finish(now)
        if start < len(data):
            self._fragments.keep(data[start:])

    def _take(self, lines: list[bytes], now: float) -> None:
        """Take in lines, without their ends."""
        take = self._pending.pop
        for line in lines:
            message: Any = None
            try:
                message = decode(line)
            except (ValueError, RecursionError):
                message = read_slowly(line)
            try:
                number: Any = message["messageCount"] if message["context"] == "response" else None
                # Others may be equal to one: True, 1.0.
                call = take(number) if type(number) is int else None
            except (TypeError, KeyError):
                if not self._take_other(message, line, now):
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

    def _take_other(self, message: Any, line: bytes, now: float) -> bool:
        """Take in a line that no call in the table waits for.

        Returns:
            Whether it makes sense.
        """
        if type(message) is not dict:
            why = f"the server has sent what is no message: {shown(line)}"
            self._listener.protocol_failed(ConnectionLost(why))
            return False
        number = message.get("messageCount")
        if type(number) is not int or number <= 0 or message.get("context") != "response":
            self._listener.message_received(message)
            return True
        answer = Answer(message)
        answer.number, answer.seconds = number, 0.0
        if not self._files.answered(answer, now):
            self.late += 1
        return True

    def _take_event(self, message: dict[str, Any], now: float) -> None:
        """Take in a message that is no response: a part, a file's header, or anything else."""
        number, context = message.get("messageCount"), message.get("context")
        if context == "stream" and type(number) is int:
            call = self._pending.get(number)
            if isinstance(call, Parts):
                call.add(message, now)
                return
        elif context == "file" and self._files.header_received(number, message, now):
            return
        self._listener.message_received(message)

    # Giving up

    def expire(self, now: float) -> float:
        """Fail the calls that have waited long enough.

        Returns:
            The earliest time at which the next call will have.
        """
        overdue = [number for number, call in self._pending.items() if deadline(call) <= now]
        calls = [self._pending.pop(number) for number in overdue]
        calls += self._files.expire(now)
        for call in calls:
            self._has_given_up = True
            call.fail(CallTimeout(f"no answer has come within {call.timeout:g} seconds"))
        ends = (deadline(call) for call in self._pending.values())
        return min(self._files.deadline, *ends, inf)

    def lose(self, error: CallError) -> None:
        """Fail all calls: the connection is gone."""
        calls = list(self._pending.values())
        self._pending.clear()
        self._body = None
        self._fragments.clear()
        for call in calls:
            call.fail(error)
        self._files.lose(error)
