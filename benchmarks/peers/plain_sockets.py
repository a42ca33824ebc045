"""The server that one would write with the library `websockets`: a handler, json, uvloop.

Usage: plain_sockets.py PORT
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection, serve


async def answer(socket: ServerConnection) -> None:
    """Answer what a client asks."""
    number = 0
    async for text in socket:
        message = json.loads(text)
        number += 1
        result: dict[str, Any] = {"error": f"{message['action']} is not a known action."}
        if message["action"] == "randomNumber":
            result = {"randomNumber": random.random()}
        await socket.send(json.dumps({"context": "response", **result, "messageCount": number}))


async def main() -> None:
    """Listen until it is stopped."""
    async with serve(answer, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
