"""The outcome of a call: an answer, or an error."""

from __future__ import annotations

from typing import Any


class Answer(dict[str, Any]):
    """A response of the server: the whole JSON object, and how it came.

    Attributes:
        number: The request's number on its connection, which is ``messageCount``.
        seconds: How long the answer took, from the call on.
    """

    __slots__ = ("number", "seconds")
    number: int
    seconds: float


class CallError(Exception):
    """A call has failed; the base of all errors of the client."""


class AnswerError(CallError):
    """The server has answered with an error, which is the text of this one.

    Args:
        answer: The whole response.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer["error"]))
        self.answer = answer


class CallTimeout(CallError, TimeoutError):  # noqa: N818
    """No answer has come within the time limit; a later one is dropped."""


class ConnectionLost(CallError, ConnectionError):  # noqa: N818
    """The connection is lost, or was never made; the server may have run the request."""


class LimitReached(CallError):  # noqa: N818
    """A limit of the client is reached; the text names it."""


class TooManyPending(LimitReached):
    """Too many calls, or parts of an answer, wait (``max_pending``, ``max_parts``)."""


class FileTooLarge(LimitReached):
    """A file is too large to return as bytes (``max_file_bytes``)."""


class ChecksumError(CallError):
    """A file is not what its SHA-256 says, or has changed on the server between two parts."""
