"""A client for asyncio: the same calls as `client.Client`, with no Twisted in the process."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Any

from . import requests
from .aio_connection import Address
from .aio_reconnector import Reconnector, backoff
from .calls import Calls
from .outcomes import Answer, LostError
from .parts import Parts
from .protocol import ClientProtocol
from .roles import Call
from .secure import context, server_name
from .settings import CONNECT_TIMEOUT, TIMEOUT, TLS, Limits

_log = logging.getLogger(__name__)


class Client(Calls["Future[Answer]"]):
    """A client for asyncio.

    It connects when `connect` is called, and again whenever the connection is lost, until
    `disconnect` is. Each time it first sets its sticky params and its room again. Calls queue
    until the client reconnects, within their time limit. Calls without an answer when the
    connection is lost fail with a `LostError`: the server may have run them.

    Every call sends its request and returns a future. It fails with an `AnswerError` where the
    server answers with an error, and with another `CallError` where no answer comes. A client
    belongs to one event loop and one thread.

    Args:
        where: The server's host; or with no port ``unix:`` and the path of its socket.
        port: The server's port.
        tls: Whether to speak TLS, or how.
        timeout: Seconds that a call may take, from the call to its answer.
        connect_timeout: Seconds that an attempt to connect may take, up to the server's welcome.
        retry: Seconds to wait before the next attempt, by the number of failed attempts.
        limits: What the client keeps at most.

    Attributes:
        on_say: Called with each message of another client in the room.
        on_message: Called with every other message that is no answer: what the application
            sends, and the server's goodbye.
        on_connect: Called with the client after each connect, when all is set again.
        on_loss: Called with a `LostError` whenever the connection is lost.
        params: The sticky params, as they are set again.
        welcome: The server's first message on the last connection.

    Raises:
        ValueError: The place or the TLS cannot be used; the text says why.
    """

    def __init__(
        self,
        where: str,
        port: int | None = None,
        *,
        tls: TLS | bool = False,
        timeout: float = TIMEOUT,
        connect_timeout: float = CONNECT_TIMEOUT,
        retry: Callable[[int], float] = backoff,
        limits: Limits | None = None,
    ) -> None:
        if port is None and not where.startswith("unix:"):
            raise ValueError(f"{where!r} is no unix:/path, and a host needs a port")
        address = Address(where, port)
        if tls is not False:
            options = TLS() if tls is True else tls
            name = server_name(where if port is not None else "", options)
            address = Address(where, port, context(options), name)
        self._limits = limits = limits or Limits()
        self._link = Reconnector(self, address, limits, timeout, connect_timeout, retry)
        self._sticky = self._link.sticky
        self._call = self._link.ask
        self.on_say: Callable[[dict[str, Any]], object] | None = None
        self.on_message: Callable[[dict[str, Any]], object] | None = None
        self.on_connect: Callable[[Client], object] | None = None
        self.on_loss: Callable[[LostError], object] | None = None
        self.welcome: dict[str, Any] = {}

    # The connection

    async def connect(self, attempts: int | None = None, timeout: float | None = None) -> None:
        """Connect, and stay connected until `disconnect`.

        Args:
            attempts: The number of failed attempts after which the call fails; None for no limit.
            timeout: Seconds after which the call fails; None for no limit. The client itself
                goes on trying either way.

        Raises:
            LostError: The attempts have failed.
            NoAnswerError: It has taken too long.
        """
        await self._link.connect(attempts, timeout)

    async def disconnect(self) -> None:
        """Say goodbye, wait for the answers to all calls, and close the connection.

        Calls without an answer after the time limit of a call fail.
        """
        await self._link.disconnect()

    async def __aenter__(self) -> Client:
        """Connect; the first attempt has to succeed."""
        try:
            await self.connect(attempts=1)
        except BaseException:
            await self.disconnect()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self.disconnect()

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._link.is_up

    @property
    def late(self) -> int:
        """How many answers came after their time limit, and were dropped."""
        return self._link.late

    def connection_ready(self, welcome: dict[str, Any]) -> None:
        """See `aio_reconnector.Owner`."""
        self.welcome = welcome
        self._run(self.on_connect, self)

    def connection_lost(self, error: LostError) -> None:
        """See `aio_reconnector.Owner`."""
        self._run(self.on_loss, error)

    def message_received(self, message: dict[str, Any]) -> None:
        """See `aio_reconnector.Owner`."""
        is_said = message.get("context") == "user"
        self._run(self.on_say if is_said else self.on_message, message)

    def _run(self, callback: Callable[[Any], object] | None, argument: Any) -> None:
        if callback is not None:
            try:
                callback(argument)
            except Exception:
                _log.exception("a callback of the client has failed")

    # Calls

    def _then(
        self, given: Future[Answer], do: Callable[..., object], *arguments: object
    ) -> Future[Answer]:
        given.add_done_callback(partial(_after, do, arguments))
        return given

    def file(
        self,
        name: str,
        to: Callable[[bytes], object] | None = None,
        *,
        timeout: float | None = None,
    ) -> Future[Any]:
        """Fetch a file.

        Args:
            name: Its path below the server's public folder.
            to: Called with each part of the content, such as a file's ``write``.
            timeout: Seconds that may pass without a part of it.

        Returns:
            A future of the content, or of its size where it went to a function.
        """
        line = requests.action("file", {"fileName": name})

        def ask(conversation: ClientProtocol, line: bytes, call: Call) -> None:
            conversation.ask_file(line, call, to)

        return self._link.ask(line, timeout, ask)

    def stream(
        self,
        name: str,
        params: Mapping[str, object] | None = None,
        /,
        *,
        timeout: float | None = None,
        **more: object,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Run an action that answers in parts.

        Args:
            name: The action's name.
            params: Its params; here go those that Python has no keyword for.
            timeout: Seconds that may pass without a part.
            more: More params.

        Returns:
            An async iterator of the parts. It sends the request when the first part is asked
            for, ends with the response, and raises the `CallError` of a call that fails.
        """
        return self._parts(requests.action(name, {**(params or {}), **more}), timeout)

    async def _parts(
        self, line: bytes, timeout: float | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        arrived = asyncio.Event()
        asked: list[Parts] = []

        def ask(conversation: ClientProtocol, line: bytes, call: Call) -> None:
            asked.append(Parts(call, self._limits.max_parts, arrived.set))
            conversation.ask(line, asked[0])

        reply = self._link.ask(line, timeout, ask)
        reply.add_done_callback(lambda _: arrived.set())
        try:
            while True:
                while asked and (part := asked[0].take()) is not None:
                    yield part
                if reply.done():
                    break
                await arrived.wait()
                arrived.clear()
            reply.result()
        finally:
            for parts in asked:
                parts.drop()
            if not reply.cancel() and not reply.cancelled():
                # Nobody may be left to retrieve the error.
                reply.exception()


def _after(do: Callable[..., object], arguments: tuple[object, ...], given: Future[Answer]) -> None:
    """Do something after a successful call; this runs before any task that awaits it goes on."""
    if not given.cancelled() and given.exception() is None:
        do(*arguments)
