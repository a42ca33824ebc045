"""A daemon that serves Python functions over persistent TCP and TLS connections.

This is what actions import; everything else is the server's own.
"""

import warnings
from typing import TYPE_CHECKING

from .app.api import Api
from .app.cache import CacheEntry
from .app.decorator import action
from .app.file_response import FileResponse
from .app.hooks import (
    ActionCall,
    after_action,
    before_action,
    on_connect,
    on_disconnect,
    on_room_change,
    on_say,
    on_start,
    on_stop,
)
from .app.limits import limit
from .app.outputs import NO_RESPONSE, NoResponse
from .app.room import Room
from .connection.connection import ActionConnection as Connection
from .connection.files import FileReader
from .errors import ActionError, CacheError, UnserializableError

if TYPE_CHECKING:
    # The name of earlier releases; see `__getattr__`.
    from .connection.connection import ActionConnection as ActionConnection

__all__ = [
    "NO_RESPONSE",
    "ActionCall",
    "ActionError",
    "Api",
    "CacheEntry",
    "CacheError",
    "Connection",
    "FileReader",
    "FileResponse",
    "NoResponse",
    "Room",
    "UnserializableError",
    "action",
    "after_action",
    "before_action",
    "limit",
    "on_connect",
    "on_disconnect",
    "on_room_change",
    "on_say",
    "on_start",
    "on_stop",
]


def __getattr__(name: str) -> object:
    """The names of earlier releases."""
    if name == "ActionConnection":
        warnings.warn(
            "actionhero_tcp.ActionConnection is now actionhero_tcp.Connection",
            DeprecationWarning,
            stacklevel=2,
        )
        return Connection
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
