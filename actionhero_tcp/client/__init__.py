"""A client of the server, for Twisted; `aio` has one for asyncio, `blocking` one for scripts.

`Client` is loaded when it is first used: the other two need no Twisted.
"""

import warnings
from typing import TYPE_CHECKING, Final

from .outcomes import (
    Answer,
    AnswerError,
    CallError,
    CallTimeout,
    ChecksumError,
    ConnectionLost,
    FileTooLarge,
    LimitReached,
    TooManyPending,
)
from .settings import TLS, Limits

if TYPE_CHECKING:
    from .client import Client as Client

__all__ = [
    "TLS",
    "Answer",
    "AnswerError",
    "CallError",
    "CallTimeout",
    "ChecksumError",
    "Client",
    "ConnectionLost",
    "FileTooLarge",
    "LimitReached",
    "Limits",
    "TooManyPending",
]

_RENAMED: Final = {
    "LostError": ConnectionLost,
    "NoAnswerError": CallTimeout,
    "TooMuchError": LimitReached,
}
"""Names of an earlier release."""


def __getattr__(name: str) -> object:
    """Load the client for Twisted, or find a name of an earlier release."""
    if name == "Client":
        from .client import Client

        globals()[name] = Client
        return Client
    if name in _RENAMED:
        found = _RENAMED[name]
        warnings.warn(
            f"{name} is {found.__name__} now; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
