"""The server that one would write with python-socketio: an event that is acknowledged.

Usage: uvicorn --app-dir benchmarks/peers events:app
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import socketio

# While it is measured nobody answers pings.
server = socketio.AsyncServer(async_mode="asgi", ping_interval=3600)
app = socketio.ASGIApp(server)
numbers: Counter[str] = Counter()


@server.event
async def ask(client: str, message: dict[str, Any]) -> dict[str, Any]:
    """Answer what a client asks."""
    numbers[client] += 1
    answer: dict[str, Any] = {"error": f"{message['action']} is not a known action."}
    if message["action"] == "randomNumber":
        answer = {"randomNumber": random.random()}
    return {"context": "response", **answer, "messageCount": numbers[client]}
