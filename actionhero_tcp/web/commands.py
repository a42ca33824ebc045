"""What the live page can do beside looking: close a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.web.server import Request

from .resources import Leaf, Refusal, as_json, last_argument

if TYPE_CHECKING:
    from ..app.api import Api


class CloseConnection(Leaf):
    """Closes one connection: ``POST …/close?id=ID``.

    Args:
        api: The server's face to actions.
    """

    def __init__(self, api: Api) -> None:
        super().__init__()
        self._api = api

    def render_POST(self, request: Request) -> bytes:
        """Closes it after all that it has asked for is answered, as ``connection.close()``."""
        connection = self._api.connections.get(last_argument(request, "id"))
        if connection is None:
            return Refusal(404, "no connection with this id is with this process").render(request)
        connection.close()
        return as_json(request, {"closed": connection.id})
