"""What comes of a call: an answer, or an error."""

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
    """A call that has come to nothing; the base of all errors of the client."""


class AnswerError(CallError):
    """The server has answered with an error, which is the text of this one.

    Args:
        answer: The whole response.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer["error"]))
        self.answer = answer


class NoAnswerError(CallError, TimeoutError):
    """No answer has come within the time limit; one that comes later is dropped."""


class LostError(CallError, ConnectionError):
    """The connection is lost, or was never made; whether the server has done it is unknown."""


class TooMuchError(CallError):
    """A limit of the client's own is reached; the text names it."""


class ChecksumError(CallError):
    """A file is not what its SHA-256 says, or has changed on the server between two parts."""
