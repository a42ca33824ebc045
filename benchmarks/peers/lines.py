"""The server that one would write by hand: an `asyncio.Protocol` on uvloop, msgspec, a dict.

It splits lines, reads JSON, awaits the handler that a line names, and writes JSON. It has no
limits, no rooms, no log, no time limit, and awaits the handlers of one chunk in order. What it
answers is what ours answers.

Usage: lines.py PORT
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import uvloop

sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.reading import Reading

Handler = Callable[["Lines", Any], Awaitable[dict[str, Any]]]


class Message(msgspec.Struct):
    """A line of JSON."""

    action: str
    params: msgspec.Raw = msgspec.Raw(b"{}")


class Inputs(msgspec.Struct):
    """What `report` takes."""

    reading: Reading


class KeyAndValue(msgspec.Struct):
    """What `cacheTest` takes."""

    key: str
    value: str


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Message).decode
decode_inputs = msgspec.json.Decoder(Inputs).decode
decode_pair = msgspec.json.Decoder(KeyAndValue).decode
cache: dict[str, str] = {}


async def details_view(client: Lines, rest: Any) -> dict[str, Any]:
    """Tell what is known of the client."""
    public = {"id": client.id, "connectedAt": client.connected_at}
    return {"status": "OK", "details": {"params": client.params, "public": public}}


async def param_add(client: Lines, rest: Any) -> dict[str, Any]:
    """Set a sticky param."""
    key, _, value = rest.decode().partition("=")
    client.params[key] = value
    return {"status": "OK"}


async def random_number(client: Lines, params: Any) -> dict[str, Any]:
    """Answer with a random number."""
    return {"randomNumber": random.random()}


async def cache_test(client: Lines, params: Any) -> dict[str, Any]:
    """Save, load and delete a value."""
    pair = decode_pair(params)
    saved = "updated record" if pair.key in cache else "new record"
    cache[pair.key] = pair.value
    loaded = cache[pair.key]
    del cache[pair.key]
    results = {
        "key": pair.key,
        "value": pair.value,
        "saveResp": saved,
        "loadResp": loaded,
        "deleteResp": True,
    }
    return {"cacheTestResults": results}


async def report(client: Lines, params: Any) -> dict[str, Any]:
    """Take a typed input of ten fields."""
    reading = decode_inputs(params).reading
    return {"stored": len(reading.values)}


async def sleep_nothing(client: Lines, params: Any) -> dict[str, Any]:
    """Wait for the loop's next pass."""
    await asyncio.sleep(0)
    return {"done": True}


HANDLERS: dict[str, Handler] = {
    "detailsView": details_view,
    "paramAdd": param_add,
    "randomNumber": random_number,
    "cacheTest": cache_test,
    "report": report,
    "sleepNothing": sleep_nothing,
}
BY_WORD = {name.encode(): handler for name, handler in HANDLERS.items()}


class Lines(asyncio.Protocol):
    """One client."""

    def connection_made(self, transport: Any) -> None:
        """Greet the client."""
        self.transport = transport
        self.rest = b""
        self.number = 0
        self.params: dict[str, str] = {}
        self.id = uuid4().hex
        self.connected_at = int(time.time() * 1000)
        self.loop = asyncio.get_running_loop()
        transport.write(b'{"welcome":"Hello!","context":"api","messageCount":0}\r\n')

    def data_received(self, data: bytes) -> None:
        """Split lines."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if lines:
            self.loop.create_task(self.answer(lines))

    async def answer(self, lines: list[bytes]) -> None:
        """Answer the lines of one chunk, in one write."""
        answers = []
        for line in lines:
            self.number += 1
            if line.startswith(b"{"):
                message = decode(line)
                result = await HANDLERS[message.action](self, message.params)
            else:
                word, _, rest = line.rstrip(b"\r").partition(b" ")
                result = await BY_WORD[word](self, rest)
            answers.append(encode({"context": "response", **result, "messageCount": self.number}))
        answers.append(b"")
        self.transport.write(b"\r\n".join(answers))


async def main() -> None:
    """Listen until it is stopped."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Lines, "127.0.0.1", int(sys.argv[1]), backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
