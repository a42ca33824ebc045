"""A client of the server, for Twisted; `blocking` has one for scripts without a reactor."""

from .client import Client
from .outcomes import Answer, AnswerError, CallError, LostError, NoAnswerError, TooMuchError
from .settings import TLS, Limits

__all__ = [
    "TLS",
    "Answer",
    "AnswerError",
    "CallError",
    "Client",
    "Limits",
    "LostError",
    "NoAnswerError",
    "TooMuchError",
]
