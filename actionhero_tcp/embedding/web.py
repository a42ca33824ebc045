"""The web port of a server, and of a supervisor; its packages are imported only where it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import StartError
from ..server.resource import Resource

if TYPE_CHECKING:
    from ..config.sections import Config
    from ..net.tls import Certificates
    from ..server.context import ServerContext
    from ..web.health import Reasons
    from ..web.websocket import BuildProtocol


def web_of_server(
    context: ServerContext,
    reasons: Reasons,
    build_protocol: BuildProtocol,
    certificates: Certificates | None,
) -> list[Resource]:
    """Returns the web port of a server; an empty list where it is off.

    Args:
        context: What the connections of the server share.
        reasons: Says why the server is not ready.
        build_protocol: Makes the protocol of a client that comes over WebSocket.
        certificates: What TLS shows; None where the server speaks none.

    Raises:
        StartError: Its packages are not installed, or HTTPS has no certificate.
    """
    config = context.live.config
    settings = config.web
    if not settings.port:
        return []
    try:
        from ..web.events import RecentEvents
        from ..web.families import Source
        from ..web.port import WebPort, access_of
        from ..web.tree import server_tree

        access = access_of(settings)
        events = RecentEvents() if settings.page else None
        tree = server_tree(access, Source(context, certificates), reasons, build_protocol, events)
    except ImportError as error:
        raise StartError(
            f"web.port is set, but {error.name} is not installed: pip install 'actionhero-tcp[web]'"
        ) from None
    shown = _certificates(config, certificates)
    port = WebPort(settings, access, tree, shown, context.clock, events)
    return [Resource(port.start, port.stop)]


def web_of_supervisor(
    config: Config, reasons: Reasons, certificates: Certificates | None, reactor: Any
) -> list[Resource]:
    """Returns the web port of a supervisor, which serves the health of all workers.

    Args:
        config: The configuration.
        reasons: Says which workers are not ready.
        certificates: What TLS shows; None where the server speaks none.
        reactor: The reactor.

    Raises:
        StartError: HTTPS has no certificate.
    """
    if not config.web.port:
        return []
    from ..web.health import health_tree
    from ..web.port import WebPort, access_of

    shown = _certificates(config, certificates)
    tree = health_tree(reasons)
    port = WebPort(config.web, access_of(config.web), tree, shown, reactor)
    return [Resource(port.start, port.stop)]


def _certificates(config: Config, certificates: Certificates | None) -> Certificates | None:
    if not config.web.secure:
        return None
    if certificates is None:
        raise StartError(
            "web.secure is set, but not tcpServer.secure: there is no certificate to show"
        )
    return certificates
