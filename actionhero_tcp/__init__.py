"""A daemon that serves Python functions over persistent TCP and TLS connections.

This is what actions import; everything else is the server's own.
"""

from .actions import NO_RESPONSE, action
from .api import Api
from .cache import CacheEntry
from .connection import ActionConnection
from .errors import ActionError, CacheError, UnserializableError
from .files import FileReader

__all__ = [
    "NO_RESPONSE",
    "ActionConnection",
    "ActionError",
    "Api",
    "CacheEntry",
    "CacheError",
    "FileReader",
    "UnserializableError",
    "action",
]
