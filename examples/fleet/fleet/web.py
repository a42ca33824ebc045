"""The HTTP side, for operators: it registers devices, sends commands, shows averages."""

from __future__ import annotations

import hmac
from dataclasses import asdict
from uuid import UUID

from aiohttp import web

from actionhero_tcp import Server

from .actions import room_of


def application(server: Server, token: str) -> web.Application:
    """Make the web application.

    Args:
        server: The server of the devices, which runs in the same event loop.
        token: What operators show as ``Authorization: Bearer …``.
    """

    @web.middleware
    async def authorize(request: web.Request, handler: object) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()):
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})
        answer: web.StreamResponse = await handler(request)  # type: ignore[operator]
        return answer

    async def add_device(request: web.Request) -> web.Response:
        """Register a device, and return its token."""
        body = await request.json()
        try:
            device, fleet = UUID(body["device"]), str(body["fleet"])
        except (KeyError, TypeError, ValueError):
            raise web.HTTPBadRequest(text="device (a UUID) and fleet are required") from None
        made = await server.api.state.store.add_device(device, fleet)
        return web.json_response({"token": made}, status=201)

    async def command(request: web.Request) -> web.Response:
        """Send a command to all connected devices of a fleet."""
        room = room_of(request.match_info["fleet"])
        server.api.rooms.broadcast(room, await request.json(), context="command")
        return web.json_response({"devices": len(server.api.rooms.members(room))})

    async def averages(request: web.Request) -> web.Response:
        """Return the latest average of each fleet."""
        found = server.api.state.averages
        return web.json_response({fleet: asdict(found[fleet]) for fleet in sorted(found)})

    app = web.Application(middlewares=[authorize])
    app.router.add_post("/devices", add_device)
    app.router.add_post("/fleets/{fleet}/commands", command)
    app.router.add_get("/averages", averages)
    return app
