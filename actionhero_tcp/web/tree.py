"""All that the web port of a server serves."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from .access import Access
from .commands import CloseConnection
from .events import RecentEvents
from .health import Reasons, health_tree
from .metrics import MetricsResource, ServerRegistry
from .resources import JSONResource, TextFile, WebResource
from .site import Protected
from .snapshot import Snapshot
from .websocket import BuildProtocol, WebSocketEndpoint

if TYPE_CHECKING:
    from .families import Source

PAGE_FILES: Final = {
    "index.html": "text/html",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "actionhero.js": "text/javascript",
}
"""The files of the live page, and their types."""


def server_tree(
    access: Access,
    source: Source,
    reasons: Reasons,
    build_protocol: BuildProtocol,
    events: RecentEvents | None,
) -> WebResource:
    """Returns all that a server shows of itself, by its settings.

    Args:
        access: Decides who may do what.
        source: Where the state of the server is read from.
        reasons: Says why the server is not ready.
        build_protocol: Makes the protocol of a client that comes over WebSocket.
        events: The last events of the log, for the live page; None for no page.
    """
    context = source.context
    tree = health_tree(reasons)
    tree.add("metrics", MetricsResource(ServerRegistry(source)))
    if context.live.config.web.web_socket:
        live, queue = context.live, context.queue
        endpoint = WebSocketEndpoint(
            access, build_protocol, lambda: live.limits.max_line_length, queue, context.clock
        )
        tree.add("ws", endpoint)
        tree.add("actionhero.js", _page_file("actionhero.js"))
    if events is not None:
        _add_page(tree, access, Snapshot(context.api, source.requests, reasons), events)
    return tree


def _add_page(tree: WebResource, access: Access, snapshot: Snapshot, events: RecentEvents) -> None:
    tree.add("", Protected(access, _page_file("index.html"), takes_token=True))
    for name in ("page.css", "page.js"):
        tree.add(name, _page_file(name))
    state = WebResource()
    for name, make in (
        ("overview", snapshot.overview),
        ("limits", snapshot.limits),
        ("connections", snapshot.connections),
        ("rooms", snapshot.rooms),
        ("members", snapshot.members),
        ("actions", snapshot.actions),
        ("events", lambda arguments: events.latest()),
    ):
        state.add(name, JSONResource(make))
    state.add("close", CloseConnection(snapshot.api))
    tree.add("state", Protected(access, state))


def _page_file(name: str) -> TextFile:
    return TextFile((files(__package__) / "page" / name).read_bytes(), PAGE_FILES[name])
