"""A daemon that serves Python functions over persistent TCP and TLS connections.

This is what actions import; everything else is the server's own.
"""

from .actions import NO_RESPONSE, action
from .api import Api
from .cache import CacheEntry
from .connection import ActionConnection
from .errors import ActionError, CacheError, UnserializableError
from .files import FileReader
from .hooks import (
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
