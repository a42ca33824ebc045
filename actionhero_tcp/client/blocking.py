"""A client for scripts: the same calls as `client.Client`, without a reactor; each waits."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from threading import RLock
from time import monotonic
from typing import Any

from . import requests
from .address import address
from .calls import Calls
from .dialects import named
from .download import Download
from .outcomes import Answer, AnswerError, CallError, CallTimeout, ConnectionLost
from .parts import Parts
from .settings import CONNECT_TIMEOUT, TIMEOUT, TLS, Limits
from .sticky import Sticky
from .stream import Stream, Waiting, connected


class Client(Calls[Answer, Any]):
    """A client for scripts.

    It connects when `connect` is called, or a ``with`` block begins. It does not reconnect by
    itself; `connect` after a loss sets its sticky params and its rooms again. Messages that come
    while no call waits are delivered in the next call, or in `listen`.

    Several threads may share one client: their calls wait for each other, and so do `connect`,
    `listen` and `close`. A callback may make calls too.

    A call raises an `AnswerError` where the server answers with an error, and another `CallError`
    where no answer comes. An error of a callback passes through the call that waits, and its
    answer is lost.

    Takes many parameters: each is an option of the client, and is given by its keyword.

    Args:
        where: The server's host; or with no port ``unix:`` and the path of its socket.
        port: The server's port.
        tls: Whether to speak TLS, or how.
        timeout: Seconds that a call may take.
        connect_timeout: Seconds that `connect` may take, up to the server's welcome.
        limits: The limits of the client.
        dialect: The dialect of the server's port: 2012 or 29.

    Attributes:
        on_say: Called with each message of another client in the room.
        on_message: Called with every other message that is no answer.
        welcome: The server's first message on the last connection.

    Raises:
        ValueError: The place, the TLS or the dialect cannot be used; the text says why.
    """

    def __init__(
        self,
        where: str,
        port: int | None = None,
        *,
        tls: TLS | bool = False,
        timeout: float = TIMEOUT,
        connect_timeout: float = CONNECT_TIMEOUT,
        limits: Limits | None = None,
        dialect: str | int = 2012,
    ) -> None:
        spoken = named(dialect)
        super().__init__(limits or Limits(), Sticky(spoken), spoken)
        self._address = address(where, port, tls)
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._call = self._ask
        self._stream: Stream | None = None
        self._late = 0
        # One that callbacks, which are called while a call waits, can take again.
        self._lock = RLock()

    # The connection

    def connect(self) -> None:
        """Connects, and sets the sticky params and the room again.

        Raises:
            ConnectionLost: There is no connection to be had, or the server does not let us in.
            CallTimeout: It takes too long.
        """
        with self._lock:
            self.close()
            self.welcome = {}
            seconds = self._connect_timeout
            end = monotonic() + seconds
            stream = connected(self._address, seconds)
            offers_header = self.dialect.offers_header
            self._stream = Stream(stream, self._limits, self._on_message, offers_header)
            try:
                while not self.welcome:
                    if monotonic() >= end:
                        raise CallTimeout(f"there was no welcome within {seconds:g} seconds")
                    self._stream.receive(end)
                for line in self._sticky.lines():
                    self._call(line, seconds)
            except AnswerError as error:
                self.close()
                raise ConnectionLost(f"what was sticky could not be set again: {error}") from None
            except BaseException:
                self.close()
                raise

    def disconnect(self) -> None:
        """Says goodbye, waits for the end, and closes."""
        with self._lock:
            if self.connected:
                with suppress(CallError):
                    self._call(requests.QUIT, None)
            self.close()

    def close(self) -> None:
        """Closes the connection without a word."""
        with self._lock:
            if self._stream is not None:
                self._late += self._stream.protocol.late
                self._stream.close()
            self._stream = None

    def __enter__(self) -> Client:
        """Connects."""
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnects."""
        self.disconnect()

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._stream is not None and self._stream.is_open

    @property
    def late(self) -> int:
        """How many answers have come after their time limit, and were dropped."""
        return self._late + (self._stream.protocol.late if self._stream else 0)

    # Calls

    def _ask(self, line: bytes, timeout: float | None) -> Answer:
        with self._lock:
            stream, waiting = self._open(timeout)
            stream.protocol.ask(line, waiting)
            answer: Answer = stream.wait_for(waiting)
            return answer

    def _then(self, given: Answer, do: Callable[..., object], *arguments: object) -> Answer:
        do(*arguments)
        return given

    def _fetch(self, download: Download, timeout: float | None) -> Any:
        with self._lock:
            stream, waiting = self._open(timeout)
            download.attach(waiting)
            stream.protocol.ask_file(download)
            try:
                return stream.wait_for(waiting)
            finally:
                # A callback may have raised.
                download.give_up()

    def fetch(self, download: Download, timeout: float | None = None) -> Any:
        """Like `file`, for any request."""
        return self._fetch(download, timeout)

    def stream(
        self,
        name: str,
        params: Mapping[str, object] | None = None,
        /,
        *,
        timeout: float | None = None,
        **more: object,
    ) -> Generator[dict[str, Any], None, None]:
        """Run an action that answers in parts.

        Args:
            name: The action's name.
            params: Its params; here go those that Python has no keyword for.
            timeout: Seconds that may pass without a part.
            more: More params.

        Returns:
            An iterator of the parts. It sends the request when the first part is asked
            for, ends with the response, and raises the `CallError` of a call that fails.
        """
        return self._parts(self._action_line(name, {**(params or {}), **more}), timeout)

    def _parts(self, line: bytes, timeout: float | None) -> Generator[dict[str, Any], None, None]:
        with self._lock:
            stream, waiting = self._open(timeout)
            parts = Parts(self._limits.max_parts, _nothing)
            parts.started, parts.timeout = waiting.started, waiting.timeout
            stream.protocol.ask(line, parts)
        try:
            while True:
                while (part := parts.take()) is not None:
                    yield part
                if parts.done:
                    break
                with self._lock:
                    if not parts.done:
                        stream.step(parts)
            if parts.error is not None:
                raise parts.error
        finally:
            parts.drop()

    def listen(self, seconds: float) -> None:
        """Hears what is said and sent for so long; the callbacks are called meanwhile.

        Raises:
            ConnectionLost: The connection is lost.
        """
        with self._lock:
            stream, _ = self._open(None)
            end = monotonic() + seconds
            stream.deliver()
            while monotonic() < end:
                stream.receive(end)

    def _open(self, timeout: float | None) -> tuple[Stream, Waiting]:
        if self._stream is None:
            raise ConnectionLost("there is no connection; connect() makes one")
        return self._stream, Waiting(self._timeout if timeout is None else timeout)

    def _on_message(self, message: dict[str, Any]) -> None:
        if self.welcome:
            callback = self._callback_for(message)
            if callback is not None:
                callback(message)
        elif "error" in message:
            raise ConnectionLost(f"the server does not let us in: {message['error']}")
        else:
            self.welcome = message


def _nothing() -> None:
    """Wake nobody."""
