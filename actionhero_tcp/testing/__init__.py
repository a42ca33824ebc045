"""The test kit: a server for your own tests, without a network or on a free port.

A name is loaded when it is first used, since pytest imports this package for its plugin.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .aio import AsyncFakeClient as AsyncFakeClient
    from .aio import AsyncFakeServer as AsyncFakeServer
    from .client import FakeClient as FakeClient
    from .fake import FakeServer as FakeServer
    from .logged import LoggedError as LoggedError
    from .reactor import FakeReactor as FakeReactor
    from .real import RealServer as RealServer

_HOMES = {
    "AsyncFakeClient": ".aio",
    "AsyncFakeServer": ".aio",
    "FakeClient": ".client",
    "FakeReactor": ".reactor",
    "FakeServer": ".fake",
    "LoggedError": ".logged",
    "RealServer": ".real",
}
"""The module of each name."""

__all__ = [
    "AsyncFakeClient",
    "AsyncFakeServer",
    "FakeClient",
    "FakeReactor",
    "FakeServer",
    "LoggedError",
    "RealServer",
]


def __getattr__(name: str) -> object:
    """Load a name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name], __name__), name)
    return found
