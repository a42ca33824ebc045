"""One connection of an `aio.Client`, from the first byte to its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from math import inf
from typing import Any

from .address import Address
from .outcomes import ConnectionLost
from .protocol import ClientProtocol
from .settings import Limits
from .sticky import Sticky


class Reply(asyncio.Future[Any]):
    """A future that knows how long it may wait; see `roles.Call`."""

    started = 0.0
    timeout = inf

    def succeed(self, result: Any) -> None:
        """Set the result, unless the caller has cancelled the call."""
        if not self.done():
            self.set_result(result)

    def fail(self, error: Exception) -> None:
        """Set the error, unless the caller has cancelled the call."""
        if not self.done():
            self.set_exception(error)


class Connection(asyncio.Protocol):
    """A connection.

    Args:
        loop: The event loop.
        limits: What it may keep.
        on_message: Called with every message that answers nothing, but the welcome.
        offers_header: See `ClientProtocol`.

    Attributes:
        protocol: Its side of the protocol.
        greeted: Done when the server's welcome has come; fails where it does not come.
        closed: Done with the reason when the connection is gone.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        on_message: Callable[[dict[str, Any]], object],
        offers_header: bool | None = None,
    ) -> None:
        self._loop = loop
        self._on_message = on_message
        self._transport: asyncio.Transport | None = None
        self._flushes = False
        self._error: ConnectionLost | None = None
        self.protocol = ClientProtocol(self, limits, offers_header)
        self.greeted: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.closed: asyncio.Future[ConnectionLost] = loop.create_future()

    def connection_made(self, transport: Any) -> None:
        """Take the transport; asyncio has set TCP_NODELAY."""
        self._transport = transport
        stream = transport.get_extra_info("socket")
        if stream is not None and stream.family in (socket.AF_INET, socket.AF_INET6):
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        """Take in some bytes; the requests that they lead to leave in one write."""
        self.protocol.feed(data, self._loop.time())
        self.flush()

    def flush(self) -> None:
        """Send at the end of this pass of the loop what was asked until then."""
        if not self._flushes:
            self._flushes = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushes = False
        data = self.protocol.take()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def call(self, line: bytes) -> Reply:
        """Send a request of the client's own, which waits for as long as the connection lasts."""
        reply = Reply(loop=self._loop)
        self.protocol.insist(line, reply)
        self.flush()
        return reply

    def message_received(self, message: dict[str, Any]) -> None:
        """See `roles.Listener.message_received`."""
        if self.greeted.done():
            self._on_message(message)
        elif "error" in message:
            self.protocol_failed(
                ConnectionLost(f"the server does not let us in: {message['error']}")
            )
        else:
            self.greeted.set_result(message)

    def protocol_failed(self, error: ConnectionLost) -> None:
        """See `roles.Listener.protocol_failed`."""
        self._error = self._error or error
        if self._transport is not None:
            self._transport.abort()

    def drop(self, why: str) -> None:
        """Close the connection at once."""
        self.protocol_failed(ConnectionLost(why))

    def connection_lost(self, reason: Exception | None) -> None:
        """Fail all calls."""
        error = self._error
        if error is None:
            error = ConnectionLost(f"the connection is lost: {reason or 'the server has hung up'}")
        if not self.closed.done():
            self.closed.set_result(error)
        self.protocol.lose(error)
        if not self.greeted.done():
            self.greeted.set_exception(error)
            # The caller may have given up already.
            self.greeted.exception()


async def connected(
    address: Address,
    make: Callable[[], Connection],
    sticky: Sticky,
    timeout: float,
) -> Connection:
    """Connect, wait for the welcome, and set again what is sticky.

    Args:
        address: Where to.
        make: Makes the protocol of a connection.
        sticky: What is set again.
        timeout: Seconds that all of it may take.

    Raises:
        ConnectionLost: There is no connection to be had; the text says why.
    """
    connection = make()
    try:
        async with asyncio.timeout(timeout):
            await _open(address, connection)
            await connection.greeted
            await _restore(connection, sticky)
    except TimeoutError:
        connection.drop("the attempt took too long")
        raise ConnectionLost(f"there was no welcome within {timeout:g} seconds") from None
    except OSError as error:
        connection.drop("the attempt has failed")
        if isinstance(error, ConnectionLost):
            raise
        raise ConnectionLost(f"cannot connect: {error}") from error
    except BaseException:
        connection.drop("the attempt was called off")
        raise
    return connection


async def _open(address: Address, connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    how = {"ssl": address.tls, "server_hostname": address.server_name}
    if address.port is None:
        await loop.create_unix_connection(lambda: connection, address.path, **how)  # type: ignore[arg-type]
    else:
        await loop.create_connection(lambda: connection, address.where, address.port, **how)  # type: ignore[call-overload]


async def _restore(connection: Connection, sticky: Sticky) -> None:
    replies = [connection.call(line) for line in sticky.lines()]
    results = await asyncio.gather(*replies, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise ConnectionLost(f"what was sticky could not be set again: {result}")
