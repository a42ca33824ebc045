"""A daemon that serves Python functions over persistent TCP and TLS connections.

This is what actions import; everything else is the server's own. A name is loaded when it is
first used: `actionhero_tcp.client.aio` and `actionhero_tcp.client.blocking` need no Twisted.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .app.api import Api
    from .app.background import BackgroundTask
    from .app.cache import CacheEntry
    from .app.decorator import action
    from .app.file_response import FileResponse
    from .app.hook_decorators import (
        after_action,
        before_action,
        every,
        middleware,
        on_connect,
        on_disconnect,
        on_room_change,
        on_say,
        on_start,
        on_stop,
    )
    from .app.hooks import ActionCall, CallNext
    from .app.limits import limit
    from .app.outputs import NO_RESPONSE, NoResponse
    from .app.room import Room
    from .connection.connection import Connection
    from .connection.files import FileReader
    from .embedding.server import Server
    from .errors import ActionError, CacheError, UnserializableError

    # The name of earlier releases; see `__getattr__`.
    ActionConnection = Connection

__all__ = [
    "NO_RESPONSE",
    "ActionCall",
    "ActionError",
    "Api",
    "BackgroundTask",
    "CacheEntry",
    "CacheError",
    "CallNext",
    "Connection",
    "FileReader",
    "FileResponse",
    "NoResponse",
    "Room",
    "Server",
    "UnserializableError",
    "action",
    "after_action",
    "before_action",
    "every",
    "limit",
    "middleware",
    "on_connect",
    "on_disconnect",
    "on_room_change",
    "on_say",
    "on_start",
    "on_stop",
]

_HOMES = {
    "ActionCall": ".app.hooks",
    "ActionError": ".errors",
    "Api": ".app.api",
    "BackgroundTask": ".app.background",
    "CacheEntry": ".app.cache",
    "CacheError": ".errors",
    "CallNext": ".app.hooks",
    "Connection": ".connection.connection",
    "FileReader": ".connection.files",
    "FileResponse": ".app.file_response",
    "NO_RESPONSE": ".app.outputs",
    "NoResponse": ".app.outputs",
    "Room": ".app.room",
    "Server": ".embedding.server",
    "UnserializableError": ".errors",
    "action": ".app.decorator",
    "after_action": ".app.hook_decorators",
    "before_action": ".app.hook_decorators",
    "every": ".app.hook_decorators",
    "limit": ".app.limits",
    "middleware": ".app.hook_decorators",
    "on_connect": ".app.hook_decorators",
    "on_disconnect": ".app.hook_decorators",
    "on_room_change": ".app.hook_decorators",
    "on_say": ".app.hook_decorators",
    "on_start": ".app.hook_decorators",
    "on_stop": ".app.hook_decorators",
}
"""The module of each name."""


def __getattr__(name: str) -> object:
    """Load a name, also one of earlier releases."""
    if name == "ActionConnection":
        warnings.warn(
            "actionhero_tcp.ActionConnection is now actionhero_tcp.Connection",
            DeprecationWarning,
            stacklevel=2,
        )
        name = "Connection"
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name], __name__), name)
    return found


def __dir__() -> list[str]:
    """List the public names, also those that are not loaded yet."""
    return sorted({*globals(), *__all__})
