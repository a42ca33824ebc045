"""The server that one would write with FastAPI: a WebSocket, a model of pydantic, a dict.

Usage: uvicorn --app-dir benchmarks/peers sockets:app
"""

from __future__ import annotations

import random
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

app = FastAPI()


class Message(BaseModel):
    """What a client sends."""

    action: str
    params: dict[str, Any] = {}


@app.websocket("/ws")
async def serve(socket: WebSocket) -> None:
    """Answer what a client asks."""
    await socket.accept()
    number = 0
    try:
        while True:
            message = Message.model_validate_json(await socket.receive_text())
            number += 1
            answer: dict[str, Any] = {"error": f"{message.action} is not a known action."}
            if message.action == "randomNumber":
                answer = {"randomNumber": random.random()}
            await socket.send_json({"context": "response", **answer, "messageCount": number})
    except WebSocketDisconnect:
        return
