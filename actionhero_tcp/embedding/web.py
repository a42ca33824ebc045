"""The web port of a server, and of a supervisor; its packages are imported only where it is on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..errors import StartError
from ..server.resource import Resource
from ..stats import Stats

if TYPE_CHECKING:
    from ..config.sections import Config
    from ..net.tls import Certificates
    from ..web.families import Source, Workers
    from ..web.health import Reasons
    from ..web.reports import WorkerReports
    from ..web.websocket import BuildProtocol
    from ..workers.worker import WorkerSpec

MAX_PORT: Final = 65535


def web_of_server(
    source: Source,
    reasons: Reasons,
    build_protocol: BuildProtocol,
    worker: WorkerSpec | None = None,
) -> list[Resource]:
    """Returns the web port of a server.

    A worker has its own one, whose number is that of the configuration and the worker's, and
    answers what its supervisor asks for all workers.

    Args:
        source: Where the state of the server is read from.
        reasons: Says why the server is not ready.
        build_protocol: Makes the protocol of a client that comes over WebSocket.
        worker: The role of this process as a worker; None if it is none.

    Raises:
        StartError: Its packages are not installed, or HTTPS has no certificate.
    """
    context = source.context
    config = context.live.config
    settings = config.web
    if worker is not None:
        settings = replace(settings, port=settings.port + worker.number)
    try:
        from ..web.events import RecentEvents
        from ..web.port import WebPort, access_of, most_connections
        from ..web.site import Root, WebSite
        from ..web.tree import server_tree

        access = access_of(settings)
        events = RecentEvents() if settings.page else None
        tree = server_tree(access, source, reasons, build_protocol, events)
    except ImportError as error:
        raise StartError(
            f"web.port is set, but {error.name} is not installed: pip install 'actionhero-tcp[web]'"
        ) from None
    shown = _certificates(config, source.certificates)
    root = Root(access, settings.path_prefix, tree)
    site = WebSite(root, context.clock, most_connections(settings))
    port = WebPort(settings, access, site, shown, context.stats, events)
    resources = [Resource(port.start, port.stop)]
    if worker is not None and worker.report_channel is not None:
        answers = reporter(worker.report_channel, reasons, source)
        resources.append(Resource(answers))
    return resources


def reporter(channel: int, reasons: Reasons, source: Source) -> Callable[[], None]:
    """Returns what has a worker answer its supervisor.

    Args:
        channel: The descriptor of its end of the channel.
        reasons: Says why the worker is not ready.
        source: Where its metrics are read from.
    """
    from ..web.merged_metrics import as_values
    from ..web.metrics import ServerRegistry
    from ..web.reports import HEALTH, METRICS, Reporter, adopt

    registry = ServerRegistry(source)
    answers = {HEALTH: reasons, METRICS: lambda: as_values(registry.collect())}

    def start() -> None:
        adopt(source.context.clock, socket.socket(fileno=channel), Reporter(answers))

    return start


def web_of_supervisor(
    config: Config,
    workers: Callable[[], Workers],
    certificates: Certificates | None,
    reactor: Any,
) -> tuple[list[Resource], WorkerReports | None]:
    """Returns the web port of a supervisor, which answers for all workers.

    Args:
        config: The configuration.
        workers: Returns its workers.
        certificates: The certificates for TLS; None without TLS.
        reactor: The reactor.

    Returns:
        The web port, and who asks the workers; nothing where the web port is off.

    Raises:
        StartError: HTTPS has no certificate, or there are not as many ports as workers.
    """
    settings = config.web
    if not settings.port:
        return [], None
    if settings.port + config.general.workers > MAX_PORT:
        raise StartError(
            f"web.port is {settings.port}: {config.general.workers} workers need as many ports "
            f"after it, up to {MAX_PORT}"
        )
    # What is missing here the rehearsal of a worker has said.
    from ..web.port import WebPort, access_of, most_connections
    from ..web.reports import WorkerReports
    from ..web.site import Root, WebSite
    from ..web.supervision import supervisor_tree

    reports = WorkerReports(reactor)
    shown = _certificates(config, certificates)
    access = access_of(settings)
    root = Root(access, settings.path_prefix, supervisor_tree(workers, reports))
    site = WebSite(root, reactor, most_connections(settings))
    port = WebPort(settings, access, site, shown, Stats())
    return [Resource(port.start, port.stop)], reports


def _certificates(config: Config, certificates: Certificates | None) -> Certificates | None:
    if not config.web.secure:
        return None
    if certificates is None:
        raise StartError(
            "web.secure is set, but not tcpServer.secure: there is no certificate to show"
        )
    return certificates
