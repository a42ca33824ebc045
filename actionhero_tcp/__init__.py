"""A daemon that serves Python functions over persistent TCP and TLS connections.

This is what actions import; everything else is the server's own.
"""

from .app.actions import NO_RESPONSE, action
from .app.api import Api
from .app.cache import CacheEntry
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
from .connection.connection import ActionConnection
from .connection.files import FileReader
from .errors import ActionError, CacheError, UnserializableError

__all__ = [
    "NO_RESPONSE",
    "ActionCall",
    "ActionConnection",
    "ActionError",
    "Api",
    "CacheEntry",
    "CacheError",
    "FileReader",
    "UnserializableError",
    "action",
    "after_action",
    "before_action",
    "on_connect",
    "on_disconnect",
    "on_room_change",
    "on_say",
    "on_start",
    "on_stop",
]
