"""The part of a client that reconnects which both event loops share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar

from .calls import Calls, Fetched, Given
from .download import Download
from .link import Link
from .outcomes import ConnectionLost
from .parts import Parts
from .protocol import ClientProtocol
from .roles import Call

L = TypeVar("L", bound=Link[Any])


class Signal(Protocol):
    """Wakes a coroutine."""

    def set(self) -> None:
        """Wake the coroutine that waits, or the next one that does."""
        ...

    async def wait(self) -> None:
        """Wait until `set` is called, or return at once if it was."""
        ...


class ReconnectingClient(Calls[Given, Fetched], Generic[Given, Fetched, L]):
    """A client that reconnects.

    Args:
        link: Makes the link of a client to its server.

    Attributes:
        on_connect: Called with the client after each connect, when all is set again; its calls
            go out first.
        on_loss: Called with a `ConnectionLost` whenever the connection is lost.
    """

    def __init__(self, link: Callable[[Self], L]) -> None:
        self._link = link(self)
        super().__init__(self._link.limits, self._link.sticky, self._link.dialect)
        self.on_connect: Callable[[Self], object] | None = None
        self.on_loss: Callable[[ConnectionLost], object] | None = None

    # What the event loop gives

    def connect(self, attempts: int | None = None, timeout: float | None = None) -> Any:
        """Connect, and stay connected until `disconnect`."""
        raise NotImplementedError

    def disconnect(self) -> Any:
        """Say goodbye, and close the connection."""
        raise NotImplementedError

    def _log_failure(self) -> None:
        """Log the error of a callback."""
        raise NotImplementedError

    def _new_signal(self) -> Signal:
        raise NotImplementedError

    def _new_fetched(self) -> tuple[Call, Fetched]:
        """A call and what it gives, which are one object."""
        raise NotImplementedError

    def _at_end(self, fetched: Fetched, do: Callable[[], object]) -> None:
        """Do something when it has its outcome, or was cancelled."""
        raise NotImplementedError

    # The connection

    async def __aenter__(self) -> Self:
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
        """The number of answers that came after their time limit, and were dropped."""
        return self._link.late

    def connection_ready(self, welcome: dict[str, Any]) -> None:
        """See `link.Owner`."""
        self.welcome = welcome
        self._run(self.on_connect, self)

    def connection_lost(self, error: ConnectionLost) -> None:
        """See `link.Owner`."""
        self._run(self.on_loss, error)

    def message_received(self, message: dict[str, Any]) -> None:
        """See `link.Owner`."""
        self._run(self._callback_for(message), message)

    def _run(self, callback: Callable[[Any], object] | None, argument: Any) -> None:
        if callback is not None:
            try:
                callback(argument)
            except Exception:
                self._log_failure()

    # Calls

    def _fetch(self, download: Download, timeout: float | None) -> Fetched:
        link = self._link
        call, fetched = self._new_fetched()
        link.start(call, timeout)
        download.attach(call)

        def send(protocol: ClientProtocol) -> None:
            if download.is_wanted:
                protocol.ask_file(download)

        download.resume_by(partial(link.submit_again, download, send))
        self._at_end(fetched, download.give_up)
        link.submit(download, send)
        return fetched

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
        return self._parts(self._action_line(name, {**(params or {}), **more}), timeout)

    async def _parts(
        self, line: bytes, timeout: float | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        signal = self._new_signal()
        parts = Parts(self._limits.max_parts, signal.set)

        def send(protocol: ClientProtocol) -> None:
            if not parts.is_dropped:
                protocol.ask(line, parts)

        self._link.start(parts, timeout)
        self._link.submit(parts, send)
        try:
            while True:
                while (part := parts.take()) is not None:
                    yield part
                if parts.done:
                    break
                await signal.wait()
            if parts.error is not None:
                raise parts.error
        finally:
            parts.drop()
