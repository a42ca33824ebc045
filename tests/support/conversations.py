"""Stand-ins for what a conversation of the client is made of, and a server to talk to."""

from __future__ import annotations

import hashlib
import json
import re
from math import inf
from typing import Any

from actionhero_tcp.client.content import Content
from actionhero_tcp.client.download import Download
from actionhero_tcp.client.outcomes import ConnectionLost
from actionhero_tcp.client.protocol import ClientProtocol
from actionhero_tcp.client.settings import Limits


class Waiter:
    """A call that remembers what came of it."""

    def __init__(self, started: float = 0.0, timeout: float = inf) -> None:
        self.started = started
        self.timeout = timeout
        self.results: list[Any] = []
        self.errors: list[Exception] = []

    def succeed(self, result: Any) -> None:
        self.results.append(result)

    def fail(self, error: Exception) -> None:
        self.errors.append(error)

    @property
    def done(self) -> bool:
        return bool(self.results or self.errors)


class Party:
    """A listener with its conversation.

    Attributes:
        messages: What answered nothing.
        faults: What made no sense.
    """

    def __init__(self, limits: Limits | None = None, offers_header: bool | None = False) -> None:
        self.messages: list[dict[str, Any]] = []
        self.faults: list[ConnectionLost] = []
        self.limits = limits or Limits()
        self.protocol = ClientProtocol(self, self.limits, offers_header)

    def message_received(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    def protocol_failed(self, error: ConnectionLost) -> None:
        self.faults.append(error)

    def ask(self, line: bytes = b"detailsView\n", **options: float) -> Waiter:
        """Asks; gives the call."""
        waiter = Waiter(**options)
        self.protocol.ask(line, waiter)
        return waiter

    def ask_file(
        self,
        name: str,
        sink: Any = None,
        *,
        offset: int = 0,
        digest: Any = None,
        progress: Any = None,
        **options: float,
    ) -> Waiter:
        """Asks for a file; gives the call."""
        waiter = Waiter(**options)
        content = Content(sink, self.limits.max_file_bytes, progress, offset)
        self.download = Download({"fileName": name}, content, digest)
        self.download.attach(waiter)
        self.protocol.ask_file(self.download)
        return waiter

    def feed(self, data: bytes, now: float = 0.0) -> None:
        self.protocol.feed(data, now)


def encode(message: dict[str, Any]) -> bytes:
    """A line of the server's."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode() + b"\r\n"


def answer(number: int, **fields: Any) -> bytes:
    """An answer's line."""
    return encode({"context": "response", **fields, "messageCount": number})


class ModelServer:
    """What the server does with lines, in a few words.

    Args:
        files: The files that it has.
        offers_header: Whether it sends files with a header.
        more: What it adds to errors, as in development mode.
    """

    def __init__(
        self, files: dict[str, bytes], *, offers_header: bool = False, **more: str
    ) -> None:
        self.files = files
        self.offers_header = offers_header
        self.more = more
        self.number = 0

    def serve(self, data: bytes) -> bytes:
        """Lines in, what is sent out."""
        return b"".join(self._answer(line) for line in data.split(b"\n") if line)

    def _answer(self, line: bytes) -> bytes:
        self.number += 1
        if not line.startswith(b"{"):
            return answer(self.number, status="OK", said=line.decode())
        request = json.loads(line)
        name = request["action"]
        if re.fullmatch("[0-9a-f]{32}", name):
            return answer(self.number, error=f"{name} is not a known action.", **self.more)
        if name == "actionsView":
            return answer(self.number, actions=self._actions())
        if name != "file":
            return answer(self.number, echo=request["params"])
        params = request["params"]
        content = self.files.get(params["fileName"])
        if content is None:
            text = f"The file, {params['fileName']}, is not found."
            return answer(self.number, error=text, **self.more)
        if not (self.offers_header and params.get("header")):
            return content
        return self.header(content, params.get("offset", 0))

    def header(self, content: bytes, offset: int) -> bytes:
        """A file from an offset on, behind its header."""
        digest, part = hashlib.sha256(content).hexdigest(), content[offset:]
        head = {"context": "file", "bytes": len(part), "sha256": digest, "offset": offset}
        return encode({**head, "messageCount": self.number}) + part

    def _actions(self) -> list[dict[str, Any]]:
        optional = ["header", "offset", "length"] if self.offers_header else []
        inputs = {"required": ["fileName"], "optional": optional}
        return [{"name": "cacheTest"}, {"name": "file", "inputs": inputs}]
