"""A client for Twisted: one line to a server, which comes back by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from . import addresses, requests
from .calls import Calls
from .outcomes import Answer, LostError
from .parts import Parts
from .protocol import ClientProtocol
from .reconnector import Reconnector
from .reply import Reply
from .settings import CONNECT_TIMEOUT, TIMEOUT, TLS, Limits

_log = Logger()


class Client(Calls[Deferred[Answer]]):
    """A client.

    It connects when `connect` is called, and again whenever the connection is lost, until
    `disconnect` is. Each time it first sets its sticky params and its room again. What is asked
    while there is no connection waits for one, within its time limit. What has been asked when
    the connection is lost fails with a `LostError`: nobody knows whether the server has done it.

    Every call gives a Deferred, which can be awaited. It fails with an `AnswerError` where the
    server answers with an error, and with another `CallError` where no answer comes.

    Args:
        where: The server's host; or with no port a Twisted client endpoint, or the description
            of one, such as ``unix:/run/actionhero.sock``.
        port: The server's port.
        tls: Whether to speak TLS, or how.
        timeout: Seconds that a call may take, from the call to its answer.
        connect_timeout: Seconds that an attempt to connect may take, up to the server's welcome.
        retry: Seconds to wait before the next attempt, by the number of those that have failed;
            Twisted's `backoffPolicy` makes such functions.
        limits: What the client keeps at most.
        reactor: The reactor; by default Twisted's.

    Attributes:
        on_say: Called with each message that another client has said, and
        on_message: with every other one that is no answer: what the application sends, and the
            server's goodbye.
        on_connect: Called with the client whenever there is a connection, and all is set again.
        on_loss: Called with a `LostError` whenever the connection is lost.
        params: The sticky params, as they are set again.
        welcome: What the server said on connecting.

    Raises:
        ValueError: The place or the TLS cannot be used; the text says why.
    """

    def __init__(
        self,
        where: Any,
        port: int | None = None,
        *,
        tls: TLS | bool = False,
        timeout: float = TIMEOUT,
        connect_timeout: float = CONNECT_TIMEOUT,
        retry: Callable[[int], float] | None = None,
        limits: Limits | None = None,
        reactor: Any = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._limits = limits or Limits()
        self._link = Reconnector(
            addresses.endpoint(where, port, tls, reactor),
            reactor,
            self._limits,
            timeout,
            connect_timeout,
            retry,
            self._heard,
        )
        self._link.came, self._link.went = self._came, self._went
        self._sticky = self._link.sticky
        self._call = self._link.ask
        self.on_say: Callable[[dict[str, Any]], object] | None = None
        self.on_message: Callable[[dict[str, Any]], object] | None = None
        self.on_connect: Callable[[Client], object] | None = None
        self.on_loss: Callable[[LostError], object] | None = None
        self.welcome: dict[str, Any] = {}

    # The connection

    def connect(self, attempts: int | None = None, timeout: float | None = None) -> Deferred[None]:
        """Connects, and stays connected.

        Args:
            attempts: After so many attempts in a row the call fails; by default it waits on.
            timeout: Seconds after which it fails; by default it waits on. Either way the client
                itself goes on trying, until `disconnect`.

        Returns:
            A Deferred that fires when there is a connection, and all is set again.
        """
        return self._link.connect(attempts, timeout)

    def disconnect(self) -> Deferred[None]:
        """Says goodbye, waits for the answers to all that was asked, and connects no more.

        Returns:
            A Deferred that fires when the connection is closed. What has no answer within the
            time limit of a call fails.
        """
        return self._link.disconnect()

    async def __aenter__(self) -> Client:
        """Connects; the first attempt has to succeed."""
        try:
            await self.connect(attempts=1)
        except BaseException:
            await self.disconnect()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnects."""
        await self.disconnect()

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._link.is_up

    @property
    def late(self) -> int:
        """How many answers have come after their time limit, and were dropped."""
        return self._link.late

    def _came(self, welcome: dict[str, Any]) -> None:
        self.welcome = welcome
        self._tell(self.on_connect, self)

    def _went(self, error: LostError) -> None:
        self._tell(self.on_loss, error)

    def _heard(self, message: dict[str, Any]) -> None:
        self._tell(
            self.on_say if message.get("context") == "user" else self.on_message,
            message,
        )

    def _tell(self, callback: Callable[[Any], object] | None, what: Any) -> None:
        if callback is not None:
            try:
                callback(what)
            except Exception:
                _log.failure("a callback of the client has failed")

    # Calls

    def _then(
        self, given: Deferred[Answer], do: Callable[..., object], *arguments: object
    ) -> Deferred[Answer]:
        return given.addCallback(_after, do, *arguments)

    def file(
        self,
        name: str,
        to: Callable[[bytes], object] | None = None,
        *,
        timeout: float | None = None,
    ) -> Deferred[Any]:
        """Fetches a file.

        Args:
            name: Its path below the server's public folder.
            to: Called with each part of the content, such as a file's ``write``.
            timeout: Seconds that may pass without a part of it.

        Returns:
            A Deferred of the content, or of its size where it went to a function.
        """
        line = requests.action("file", {"fileName": name})

        def ask(conversation: ClientProtocol, line: bytes, reply: Reply) -> None:
            conversation.ask_file(line, reply, to)

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
        asked: list[Parts] = []
        ends: list[Any] = []
        waiter: Deferred[None] = Deferred()

        def wake(end: object = None) -> None:
            if end is not None:
                ends.append(end)
            if not waiter.called:
                waiter.callback(None)

        def ask(conversation: ClientProtocol, line: bytes, reply: Reply) -> None:
            asked.append(Parts(reply, self._limits.max_parts, wake))
            conversation.ask(line, asked[0])

        self._link.ask(line, timeout, ask).addBoth(wake)
        try:
            while True:
                while asked and (part := asked[0].take()) is not None:
                    yield part
                if ends:
                    break
                await waiter
                waiter = Deferred()
            if isinstance(ends[0], Failure):
                ends[0].raiseException()
        finally:
            for parts in asked:
                parts.drop()


def _after(answer: Answer, do: Callable[..., object], *args: object) -> Answer:
    do(*args)
    return answer
