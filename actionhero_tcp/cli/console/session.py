"""The console's connection in a terminal, under asyncio, which is what the prompt runs on."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from typing import Any

from ...client import requests
from ...client.dialects import Dialect
from ...client.outcomes import Answer, AnswerError, CallError, ConnectionLost
from ...client.protocol import ClientProtocol
from ...client.settings import Limits
from . import shown
from .completion import Action, read_actions
from .file_requests import file_request
from .server_address import ServerAddress


class Session(asyncio.Protocol):
    """A connection whose answers are shown as they come.

    Args:
        timeout: Seconds that an answer may take.
        show: Shows a text.
        dialect: The dialect.

    Attributes:
        dialect: The dialect.
        actions: The server's actions, as soon as they are known.
        welcomed: Done when the server has greeted, or will not.
        ended: Done when the connection is; its result is the error, or None after a goodbye.
    """

    def __init__(self, timeout: float, show: Callable[[str], object], dialect: Dialect) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self.dialect = dialect
        self._timeout = timeout
        self._show = show
        self._transport: Any = None
        self._error: ConnectionLost | None = None
        self._said_goodbye = False
        self._limits = Limits()
        self._protocol = ClientProtocol(self, self._limits, dialect.offers_header)
        self.actions: list[Action] = []
        self.welcomed: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[ConnectionLost | None] = loop.create_future()

    # Asking

    def ask(self, line: str) -> None:
        """Sends a line that somebody has typed."""
        typed = Typed(self._loop.time(), self._timeout, self._typed)
        try:
            download = file_request(line, self._limits, self.dialect)
            if download is None:
                self._protocol.ask(requests.raw(line), typed)
            else:
                download.attach(typed)
                self._protocol.ask_file(download)
        except (CallError, ValueError) as error:
            self._show(shown.failed(error))
        self._flush()
        self._loop.call_later(self._timeout + 0.001, self._expire)

    def leave(self) -> None:
        """Says goodbye."""
        self.ask("quit")

    def _learn(self) -> None:
        """Asks what actions there are."""
        asked = Typed(self._loop.time(), self._timeout, self._learned)
        line = self.dialect.action("actionsView", {"schema": True})
        self._protocol.ask(line, asked)
        self._flush()

    def _learned(self, result: object, _: float) -> None:
        if isinstance(result, Answer):
            self.actions = read_actions(result)

    def _typed(self, result: object, seconds: float) -> None:
        """Shows what came of a line."""
        if isinstance(result, AnswerError):
            result = result.answer
        if isinstance(result, Answer):
            self._said_goodbye |= _is_goodbye(result)
            self._show(shown.answered(result, result.number, result.seconds))
        elif isinstance(result, bytes):
            self._show(shown.file_shown(result, seconds))
        elif not isinstance(result, ConnectionLost):
            self._show(shown.failed(result))

    def _expire(self) -> None:
        self._protocol.expire(self._loop.time())

    def _flush(self) -> None:
        if data := self._protocol.take():
            self._transport.write(data)

    # asyncio's protocol

    def connection_made(self, transport: Any) -> None:
        """There is a connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        self._protocol.feed(data, self._loop.time())
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        why = "the server has hung up" if exc is None else f"the connection is lost: {exc}"
        error = self._error or ConnectionLost(why)
        self._protocol.lose(error)
        if not self.welcomed.done():
            self.welcomed.set_exception(error)
        if not self.ended.done():
            self.ended.set_result(None if self._said_goodbye else error)

    # See `roles.Listener`

    def message_received(self, message: dict[str, Any]) -> None:
        """Shows what another client has said, or the server by itself."""
        if self.welcomed.done():
            self._said_goodbye |= _is_goodbye(message)
            self._show(shown.said(message))
        elif "error" in message:
            self.protocol_failed(
                ConnectionLost(f"the server does not let us in: {message['error']}")
            )
        else:
            self._show(shown.indented(message))
            self.welcomed.set_result(None)
            self._learn()

    def protocol_failed(self, error: ConnectionLost) -> None:
        """Ends the connection: it makes no sense any more."""
        self._error = self._error or error
        self._transport.abort()


class Typed:
    """A line that waits for its answer; see `roles.Call`.

    Args:
        started: When it was sent.
        timeout: Seconds that it may wait.
        done: Told of the answer, a file's content or the error, and how long it took.
    """

    def __init__(
        self, started: float, timeout: float, done: Callable[[object, float], object]
    ) -> None:
        self.started = started
        self.timeout = timeout
        self._done = done

    def succeed(self, result: Any) -> None:
        """There it is."""
        self._done(result, asyncio.get_running_loop().time() - self.started)

    def fail(self, error: Exception) -> None:
        """It comes to nothing."""
        self._done(error, asyncio.get_running_loop().time() - self.started)


async def connect(session: Session, place: ServerAddress, connect_timeout: float) -> None:
    """Connects, and waits for the welcome.

    Raises:
        ConnectionLost: There is no connection to be had; the text says why.
    """
    loop = asyncio.get_running_loop()
    name = place.name if place.context is not None else None
    tls: dict[str, Any] = {"ssl": place.context, "server_hostname": name}
    try:
        async with asyncio.timeout(connect_timeout):
            if place.port is None:
                await loop.create_unix_connection(lambda: session, place.path, **tls)
            else:
                await loop.create_connection(lambda: session, place.host, place.port, **tls)
            await session.welcomed
    except TimeoutError:
        raise ConnectionLost(f"there was no welcome within {connect_timeout:g} seconds") from None
    except ConnectionLost:
        raise
    except OSError as error:
        raise ConnectionLost(f"cannot connect: {_why(error)}") from None


def _is_goodbye(message: dict[str, Any]) -> bool:
    """Whether the server closes because of this; of the dialects, one has the shorter word."""
    return message.get("status") in ("Bye!", "Bye")


def _why(error: OSError) -> str:
    """The text of the system; asyncio words it differently."""
    if error.errno is None or isinstance(error, ssl.SSLError):
        return str(error)
    return os.strerror(error.errno)
