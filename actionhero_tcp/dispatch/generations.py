"""How clients of earlier actionHero versions are answered in the dialect of 2012: a table.

The documentation of late 2012 left some things open, and versions 3.1 to 4.2 settled them in
different ways. Each of these is a field here. A row holds what clients of one version expect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..connection.connected_client import ConnectedClient
from ..wire import json_lines, json_writer

_BYE: Final = b'{"status":"Bye!","context":"response","messageCount":%d}\r\n'
_BYE_4: Final = b'{"status":"Bye!","context":"response","reason":"request","messageCount":%d}\r\n'
_GOODBYE_4: Final = json_lines.line(
    {"status": "Bye!", "context": "response", "reason": "server shutdown"}
)


def public_details(connection: ConnectedClient) -> bytes:
    """Write the details of a client with its id under ``public``."""
    params = json_writer.dumps(connection.params) if connection.params else b"{}"
    values = params, connection.id.encode(), connection.connected_at
    return b'{"params":%b,"public":{"id":"%b","connectedAt":%d}}' % values


def plain_details(connection: ConnectedClient) -> bytes:
    """Write the details of a client with its id, room and counts at the top."""
    return json_writer.dumps(
        {
            "params": connection.params,
            "id": connection.id,
            "connectedAt": connection.connected_at,
            "room": connection.room,
            "totalActions": connection.actions,
            "pendingActions": len(connection.pending),
        }
    )


@dataclass(frozen=True, slots=True)
class Generation:
    """The expectations of clients of one version of actionHero.

    Attributes:
        error_prefix: Stands before the text of errors of actions.
        bye: The answer to `quit`, with a place for the number of the request.
        goodbye: The goodbye to a client when the server stops.
        details: Writes what `detailsView` shows.
        bounds_pending: Whether ``general.simultaneousActions`` and
            ``general.pendingActionsPolicy`` are for its clients.
        listens: Whether there are the verbs `listenToRoom` and `silenceRoom`.
        stock: The generation whose stock actions its clients get; "" for those of 2012.
    """

    error_prefix: str = ""
    bye: bytes = _BYE
    goodbye: bytes = json_lines.GOODBYE
    details: Callable[[ConnectedClient], bytes] = public_details
    bounds_pending: bool = False
    listens: bool = False
    stock: str = ""


DEFAULT: Final = Generation()
"""The documentation of 2012, where no version is set."""

GENERATIONS: Final = {
    "none": DEFAULT,
    "3.1": Generation(error_prefix="Error: ", stock="4"),
    "4.2": Generation(
        error_prefix="Error: ",
        bye=_BYE_4,
        goodbye=_GOODBYE_4,
        details=plain_details,
        bounds_pending=True,
        listens=True,
        stock="4",
    ),
}
"""The versions that ``tcpServer.compatibility`` names."""
