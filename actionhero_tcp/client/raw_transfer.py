"""A file without a header: raw bytes with no length and no end, on a line that carries answers.

Right before and right after the request for it go requests for actions that do not exist, with
names that nobody can guess: the marks. The server answers them with an error that repeats the
name. The bytes between the two answers are the file.
"""

from __future__ import annotations

import secrets
from math import inf
from typing import Final

import ujson

from .content import Content
from .outcomes import Answer, AnswerError
from .roles import Call, Nobody, deadline

_MARK: Final = b'{"action":"%b"}\n'
_ERROR_HEAD: Final = b'{"context":"response","error":"'
_LONGEST_ERROR: Final = 64 * 1024


def _mark() -> bytes:
    return secrets.token_hex(16).encode()


class RawTransfer:
    """One file.

    Args:
        line: The request for it.
        call: The caller.
        content: Takes the bytes of the file.

    Attributes:
        line: As above.
        call: As above.
        quiet_mark: The request whose answer says that the server has read all that came before.
        begin_mark: The request before the file's.
        end_line: The request after it.
        receiving: Whether the next bytes are the content.
        deadline: When it has waited long enough for the next part.
    """

    def __init__(self, line: bytes, call: Call, content: Content) -> None:
        self.line = line
        self.call = call
        self.deadline = deadline(call)
        self._content = content
        self._repeated = False
        self._prepare()

    def _prepare(self) -> None:
        self.quiet_mark, self.begin_mark = _MARK % _mark(), _MARK % _mark()
        end = _mark()
        self.end_line = _MARK % end
        # More may follow in that line: in development mode the server adds load errors.
        self._end_head = _ERROR_HEAD + end
        self.receiving = False
        self._number = 0
        self._tail = b""
        # A possible error of the server is held back until that is clear.
        self._first: bytes | None = b""

    def requested(self, number: int) -> None:
        """Note the number of the request."""
        self._number = number

    def begin(self) -> None:
        """Note that the bytes from here on are the content."""
        self.receiving = True

    def feed(self, data: bytes, now: float) -> bytes | None:
        """Take some bytes; see `roles.Body.feed`."""
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
        """Take a part of the content, and pass it on unless it may be an error."""
        if self._first is not None:
            data = self._first + data
            if _ERROR_HEAD.startswith(data[: len(_ERROR_HEAD)]) and len(data) <= _LONGEST_ERROR:
                self._first = data
                return
            self._first = None
        self._content.add(data)

    # The end

    @property
    def is_doubtful(self) -> bool:
        """Whether it is an error, or a file that holds the text of one.

        An error carries the number of its request, so a second request shows which it is: a file
        has the same bytes again.
        """
        return self._error() is not None and not self._repeated

    def repeat(self) -> None:
        """Prepare the second request."""
        self._repeated = True
        self._prepare()

    def _error(self) -> Answer | None:
        """The error that the content is, if it is one."""
        first = self._first
        if not first or first.find(b"\n") != len(first) - 1:
            return None
        try:
            message = ujson.loads(first)
        except ValueError:
            return None
        if type(message) is not dict or message.get("messageCount") != self._number:
            return None
        return Answer(message)

    def finish(self, now: float) -> None:
        """Give the caller the content or the error."""
        error = self._error()
        if error is not None:
            error.number, error.seconds = self._number, now - self.call.started
            self.call.fail(AnswerError(error))
            return
        self._content.add(self._first or b"")
        if self._content.error is not None:
            self.call.fail(self._content.error)
        else:
            self.call.succeed(self._content.result)

    def give_up(self) -> Call:
        """Drop the rest of the file; returns the caller."""
        call, self.call, self.deadline = self.call, Nobody(), inf
        self._repeated = True
        self._content.drop()
        return call
