"""The whole service: the server of the devices and the web application, in one event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from actionhero_tcp import Server

from .actions import ACTIONS, HOOKS
from .web import application


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        server: The server of the devices.
        http_port: The port of the web application, on 127.0.0.1.
    """

    server: Server
    http_port: int


@asynccontextmanager
async def serve(
    config: Path | Mapping[str, Mapping[str, Any]], token: str, http_port: int = 8080
) -> AsyncIterator[Service]:
    """Serve until the block ends.

    Args:
        config: The configuration of the server.
        token: What operators show.
        http_port: The port of the web application; 0 for any.
    """
    async with Server(actions=ACTIONS, hooks=HOOKS, config=config) as server:
        runner = web.AppRunner(application(server, token))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", http_port).start()
            yield Service(server, runner.addresses[0][1])
        finally:
            await runner.cleanup()
