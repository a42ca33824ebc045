"""The verb `file` of the dialect of actionHero 29, which sends a file raw."""

from __future__ import annotations

from typing import Any, Final

from ..app.outputs import NO_RESPONSE
from ..connection.connection import Connection
from ..errors import ClientError
from .dialect import Response

NOT_FOUND: Final = b'"that file is not found"\r\n'
"""The answer in place of a file: a JSON string, as in actionHero."""


class FileVerb:
    """Sends a file, raw; see `app.runnable.Runnable`.

    Args:
        path: The requested value, of any type.
    """

    __slots__ = ("_path",)

    kind = "verb"
    name = "file"
    place = __name__
    in_order = False
    sends_file = True
    streams = False

    def __init__(self, path: object) -> None:
        self._path = path

    def start(self, api: Any, connection: Connection) -> Any:
        """Runs it; see `app.runnable.Runnable.start`."""
        if not isinstance(self._path, str) or not self._path:
            return Response(NOT_FOUND)
        try:
            reader = api.files.open(self._path)
        except ClientError:
            return Response(NOT_FOUND)
        connection.send_file(reader)
        return NO_RESPONSE
