"""A file on its way: raw bytes with no length and no end, on a line that also carries answers.

Right before and right after the request for it go requests for actions that do not exist, with
names that nobody can guess: the marks. The server answers them with an error that repeats the
name. All between the two answers is the file.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from math import inf
from typing import Final

import ujson

from .outcomes import Answer, AnswerError, TooMuchError
from .roles import Call

_MARK: Final = b'{"action":"%b"}\n'
_ERROR_HEAD: Final = b'{"context":"response","error":"'
_LONGEST_ERROR: Final = 64 * 1024


def _mark() -> bytes:
    return secrets.token_hex(16).encode()


class Transfer:
    """One file.

    Args:
        line: The request for it.
        call: Who waits for it.
        sink: Takes its content part by part; None where the call gets it as a whole.
        most: How many bytes it may have.

    Attributes:
        line: As above.
        call: As above.
        quiet_mark: The request whose answer tells that the server has read all that came
            before.
        begin_mark: The one before the file's.
        end_line: The one after it.
        receiving: Whether what comes now is the content.
        deadline: When it has waited long enough for the next part.
    """

    def __init__(
        self, line: bytes, call: Call, sink: Callable[[bytes], object] | None, most: float
    ) -> None:
        self.line = line
        self.call = call
        self.deadline = call.started + call.timeout
        self._sink = sink
        self._most = most
        self._failure: Exception | None = None
        self._repeated = False
        self._prepare()

    def _prepare(self) -> None:
        self.quiet_mark, self.begin_mark = _MARK % _mark(), _MARK % _mark()
        end = _mark()
        self.end_line = _MARK % end
        # More may follow in that line: in development mode the server tells of faulty files.
        self._end_head = _ERROR_HEAD + end
        self.receiving = False
        self._number = 0
        self._tail = b""
        self._parts: list[bytes] = []
        self._size = 0
        # What may be an error of the server's is not passed on before that is clear.
        self._undecided = True

    def requested(self, number: int) -> None:
        """The request has been sent, with this number."""
        self._number = number

    def begin(self) -> None:
        """The answer to the first mark is there: what follows is the content."""
        self.receiving = True

    def feed(self, data: bytes, now: float) -> bytes | None:
        """Takes in some bytes.

        Returns:
            What follows the file, or None while its end has not come.
        """
        self.deadline = now + self.call.timeout
        data = self._tail + data
        head = self._end_head
        begin = data.find(head)
        end = data.find(b"\n", begin) if begin >= 0 else -1
        if end >= 0:
            self._tail = b""
            self._add(data[:begin])
            return data[end + 1 :]
        if begin < 0 or len(data) - begin > _LONGEST_ERROR:
            # The last bytes may be the beginning of the answer.
            begin = max(0, len(data) - len(head) + 1)
        self._add(data[:begin])
        self._tail = data[begin:]
        return None

    def _add(self, data: bytes) -> None:
        """Takes in a part of the content."""
        if not data:
            return
        self._size += len(data)
        if self._failure is not None:
            return
        if self._size > self._most:
            self._parts.clear()
            self._failure = TooMuchError(
                f"the file is larger than {self._most} bytes (max_file_bytes)"
            )
            return
        self._parts.append(data)
        if self._sink is not None:
            self._pass_on()

    def _pass_on(self) -> None:
        """Gives the sink what has come, unless that may be an error."""
        if self._undecided:
            self._parts = [b"".join(self._parts)]
            start = self._parts[0][: len(_ERROR_HEAD)]
            if _ERROR_HEAD.startswith(start) and self._size <= _LONGEST_ERROR:
                return
            self._undecided = False
        self._flush()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        try:
            for part in parts:
                assert self._sink is not None
                self._sink(part)
        except Exception as error:
            self._failure = error

    # Its end

    @property
    def is_doubtful(self) -> bool:
        """Whether it is an error, or a file that holds just that.

        An error carries the number of its request, and when it is asked for again that of the
        next request; a file says the same again.
        """
        return self._error() is not None and not self._repeated

    def repeat(self) -> None:
        """Prepares to be asked for again."""
        self._repeated = True
        self._prepare()

    def _error(self) -> Answer | None:
        """The error that the content is, if it is one."""
        if self._failure is not None or not self._size or self._size > _LONGEST_ERROR:
            return None
        content = b"".join(self._parts)
        if not content.startswith(_ERROR_HEAD) or content.find(b"\n") != len(content) - 1:
            return None
        try:
            message = ujson.loads(content)
        except ValueError:
            return None
        if type(message) is not dict or message.get("messageCount") != self._number:
            return None
        return Answer(message)

    def finish(self, now: float) -> None:
        """Tells the call what has come."""
        error = self._error()
        if error is not None:
            error.number, error.seconds = self._number, now - self.call.started
            self._failure = AnswerError(error)
        elif self._sink is not None and self._failure is None:
            self._flush()
        if self._failure is not None:
            self.call.fail(self._failure)
        else:
            self.call.succeed(b"".join(self._parts) if self._sink is None else self._size)

    def give_up(self) -> Call:
        """Nobody waits for it any more; what still comes is dropped."""
        call, self.call, self.deadline = self.call, _Nobody(), inf
        self._sink, self._most, self._repeated = _drop, inf, True
        self._parts.clear()
        return call


def _drop(part: bytes) -> None:
    """Takes what nobody wants."""


class _Nobody:
    """In place of a caller that has given up."""

    started = 0.0
    timeout = inf

    def succeed(self, result: object) -> None:
        """Nobody minds."""

    def fail(self, error: Exception) -> None:
        """Nobody minds."""
