"""A client of the server, for Twisted; `aio` has one for asyncio, `blocking` one for scripts.

`Client` is loaded when it is first used: the other two need no Twisted.
"""

from typing import TYPE_CHECKING

from .outcomes import (
    Answer,
    AnswerError,
    CallError,
    ChecksumError,
    LostError,
    NoAnswerError,
    TooMuchError,
)
from .settings import TLS, Limits

if TYPE_CHECKING:
    from .client import Client as Client

__all__ = [
    "TLS",
    "Answer",
    "AnswerError",
    "CallError",
    "ChecksumError",
    "Client",
    "Limits",
    "LostError",
    "NoAnswerError",
    "TooMuchError",
]


def __getattr__(name: str) -> object:
    """Load the client for Twisted."""
    if name == "Client":
        from .client import Client

        globals()[name] = Client
        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
