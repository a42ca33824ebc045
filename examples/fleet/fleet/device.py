"""A simulated device."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from actionhero_tcp.client import TLS
from actionhero_tcp.client.aio import Client


class Device:
    """A device: it stays connected, reports, receives commands, and updates its firmware.

    Args:
        port: The port of the server on this machine.
        ca_file: The certificate of the server.
        device: The id of the device.
        token: Its token.

    Attributes:
        client: Its connection.
        commands: The commands that it has received and not done yet.
    """

    def __init__(self, port: int, ca_file: Path, device: UUID, token: str) -> None:
        self.client = Client("localhost", port, tls=TLS(ca_file=str(ca_file)))
        self.client.on_message = self._receive
        self.client.on_connect = lambda _: self._log_in()
        self.commands: asyncio.Queue[Any] = asyncio.Queue()
        self._device, self._token = str(device), token
        self._logging_in: asyncio.Future[Any] | None = None

    async def __aenter__(self) -> Device:
        """Connect and log in; the device does so again whenever it has lost the connection."""
        await self.client.connect(attempts=3)
        assert self._logging_in is not None
        await self._logging_in
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self.client.disconnect()

    async def report(self, celsius: float) -> None:
        """Report a temperature."""
        reading = {"at": datetime.now(UTC).isoformat(), "celsius": celsius}
        await self.client.action("report", reading=reading)

    async def update(self, name: str, path: Path) -> int:
        """Download firmware into a file, from where an earlier download has ended.

        Returns:
            The number of bytes that have come. The whole file is checked by its SHA-256.
        """
        have = path.read_bytes() if path.exists() else b""
        with path.open("ab") as file:
            came: int = await self.client.file(
                name, file.write, offset=len(have), digest=hashlib.sha256(have)
            )
        return came

    def _log_in(self) -> None:
        self._logging_in = self.client.action("login", device=self._device, token=self._token)

    def _receive(self, message: dict[str, Any]) -> None:
        if message.get("context") == "command":
            self.commands.put_nowait(message["message"])
