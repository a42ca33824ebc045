"""A client for scripts: the same calls as `client.Client`, without a reactor; each waits."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Final, NoReturn

from . import requests
from .conversation import Conversation
from .outcomes import Answer, AnswerError, CallError, LostError, NoAnswerError
from .secure import context, server_name
from .settings import CONNECT_TIMEOUT, TIMEOUT, TLS, Limits

_CHUNK_BYTES: Final = 256 * 1024


class Client:
    """A client.

    It connects when `connect` is called, or a ``with`` block begins. It does not connect again by
    itself; `connect` after a loss sets its sticky params and its room again. Whatever the server
    sends while no call waits is heard in the next call, or in `listen`.

    A call raises an `AnswerError` where the server answers with an error, and another `CallError`
    where no answer comes. What a callback raises goes through the call that waits, and its answer
    is lost.

    Args:
        where: The server's host; or with no port ``unix:`` and the path of its socket.
        port: The server's port.
        tls: Whether to speak TLS, or how.
        timeout: Seconds that a call may take.
        connect_timeout: Seconds that `connect` may take, up to the server's welcome.
        limits: What the client keeps at most.

    Attributes:
        on_say: Called with each message that another client has said, and
        on_message: with every other one that is no answer.
        welcome: What the server said on connecting.

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
        limits: Limits | None = None,
    ) -> None:
        if port is None and not where.startswith("unix:"):
            raise ValueError(f"{where!r} is no unix:/path, and a host needs a port")
        self._where, self._port = where, port
        self._tls = TLS() if tls is True else tls or None
        if self._tls is not None:
            self._name = server_name(where if port is not None else "", self._tls)
            self._context = context(self._tls)
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._limits = limits or Limits()
        self._sticky = requests.Sticky()
        self._stream: socket.socket | None = None
        self._conversation = Conversation(self, self._limits)
        self._messages: list[dict[str, Any]] = []
        self._error: CallError | None = None
        self._late = 0
        self.on_say: Callable[[dict[str, Any]], object] | None = None
        self.on_message: Callable[[dict[str, Any]], object] | None = None
        self.welcome: dict[str, Any] = {}

    # The connection

    def connect(self) -> None:
        """Connects, and sets the sticky params and the room again.

        Raises:
            LostError: There is no connection to be had, or the server does not let us in.
            NoAnswerError: It takes too long.
        """
        self.close()
        self.welcome, self._error = {}, None
        end = monotonic() + self._connect_timeout
        try:
            self._stream = self._connected()
            while not self.welcome:
                self._receive(end, self._connect_timeout)
            self._restore()
        except BaseException:
            self.close()
            raise

    def _restore(self) -> None:
        for line in self._sticky.lines():
            try:
                self._call(line, self._connect_timeout)
            except AnswerError as error:
                raise LostError(f"what was sticky could not be set again: {error}") from None

    def _connected(self) -> socket.socket:
        """A socket that is connected, all handshakes done."""
        stream = None
        try:
            if self._port is None:
                stream = socket.socket(socket.AF_UNIX)
                stream.settimeout(self._connect_timeout)
                stream.connect(self._where.removeprefix("unix:"))
            else:
                stream = socket.create_connection((self._where, self._port), self._connect_timeout)
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._tls is not None:
                stream = self._context.wrap_socket(stream, server_hostname=self._name)
        except TimeoutError:
            _close(stream)
            seconds = self._connect_timeout
            raise NoAnswerError(f"cannot connect within {seconds:g} seconds") from None
        except OSError as error:
            _close(stream)
            raise LostError(f"cannot connect: {error}") from error
        return stream

    def disconnect(self) -> None:
        """Says goodbye, waits for the end, and closes."""
        if self._stream is not None:
            with suppress(CallError):
                self._call(requests.QUIT, None)
        self.close()

    def close(self) -> None:
        """Closes the connection without a word."""
        stream, self._stream = self._stream, None
        _close(stream)
        self._late += self._conversation.late
        self._conversation = Conversation(self, self._limits)

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
        return self._stream is not None

    @property
    def room(self) -> str:
        """The room that the client is in; empty before the first connection."""
        return self._sticky.room or str(self.welcome.get("room", ""))

    @property
    def params(self) -> dict[str, str]:
        """The sticky params that are set again."""
        return dict(self._sticky.params)

    @property
    def late(self) -> int:
        """How many answers have come after their time limit, and were dropped."""
        return self._late + self._conversation.late

    # Calls

    def action(
        self,
        name: str,
        params: Mapping[str, object] | None = None,
        /,
        *,
        timeout: float | None = None,
        **more: object,
    ) -> Answer:
        """Runs an action; see `client.Client.action`."""
        return self._call(requests.action(name, {**params, **more} if params else more), timeout)

    def status(self, *, timeout: float | None = None) -> Answer:
        """How the server is doing."""
        return self.action("status", timeout=timeout)

    def actions(self, *, timeout: float | None = None) -> Answer:
        """All actions of the server, with what they take and give."""
        return self.action("actionsView", timeout=timeout)

    def param_add(self, key: str, value: object, *, timeout: float | None = None) -> Answer:
        """Makes a param sticky, as text."""
        answer = self._call(requests.param_add(key, value), timeout)
        self._sticky.params[key] = str(value)
        return answer

    def param_view(self, key: str, *, timeout: float | None = None) -> Answer:
        """Shows a sticky param."""
        return self._call(requests.verb("paramView", key), timeout)

    def param_delete(self, key: str, *, timeout: float | None = None) -> Answer:
        """Forgets a sticky param."""
        answer = self._call(requests.verb("paramDelete", key), timeout)
        self._sticky.params.pop(key, None)
        return answer

    def params_view(self, *, timeout: float | None = None) -> Answer:
        """Shows all sticky params."""
        return self._call(requests.verb("paramsView"), timeout)

    def params_delete(self, *, timeout: float | None = None) -> Answer:
        """Forgets all sticky params."""
        answer = self._call(requests.verb("paramsDelete"), timeout)
        self._sticky.params.clear()
        return answer

    def room_change(self, room: str, *, timeout: float | None = None) -> Answer:
        """Leaves the room for another one."""
        answer = self._call(requests.verb("roomChange", room), timeout)
        self._sticky.room = room
        return answer

    def room_view(self, *, timeout: float | None = None) -> Answer:
        """Shows who is in the room."""
        return self._call(requests.verb("roomView"), timeout)

    def details(self, *, timeout: float | None = None) -> Answer:
        """Shows what the server knows of the client."""
        return self._call(requests.verb("detailsView"), timeout)

    def say(self, message: str, *, timeout: float | None = None) -> Answer:
        """Says something, on one line, to the others in the room."""
        return self._call(requests.verb("say", message), timeout)

    def line(self, text: str, *, timeout: float | None = None) -> Answer:
        """Sends a line as it is; see `client.Client.line`."""
        return self._call(requests.raw(text), timeout)

    def file(
        self,
        name: str,
        to: Callable[[bytes], object] | None = None,
        *,
        timeout: float | None = None,
    ) -> Any:
        """Fetches a file; see `client.Client.file`.

        Returns:
            Its content, or its size where it went to a function.
        """
        return self.file_line(requests.action("file", {"fileName": name}), to, timeout=timeout)

    def file_line(
        self,
        line: bytes,
        to: Callable[[bytes], object] | None = None,
        *,
        timeout: float | None = None,
    ) -> Any:
        """Like `file`, by a request of one's own, with its line end."""
        waiting = _Waiting(self._timeout if timeout is None else timeout)
        self._conversation.ask_file(line, waiting, to)
        return self._wait_for(waiting)

    def listen(self, seconds: float) -> None:
        """Hears what is said and sent for so long; the callbacks are called meanwhile.

        Raises:
            LostError: The connection is lost.
        """
        end = monotonic() + seconds
        self._deliver()
        while monotonic() < end:
            with suppress(NoAnswerError):
                self._receive(end, seconds)

    def _call(self, line: bytes, timeout: float | None) -> Answer:
        waiting = _Waiting(self._timeout if timeout is None else timeout)
        self._conversation.ask(line, waiting)
        answer: Answer = self._wait_for(waiting)
        return answer

    # The socket

    def _wait_for(self, waiting: _Waiting) -> Any:
        """Sends what is to be sent, and receives until a call has its result."""
        while not waiting.done:
            if data := self._conversation.take():
                self._send(data, waiting.timeout)
            now = monotonic()
            end = self._conversation.expire(now)
            if not waiting.done:
                with suppress(NoAnswerError):
                    self._receive(end, waiting.timeout)
        if waiting.error is not None:
            raise waiting.error
        return waiting.result

    def _send(self, data: bytes, seconds: float) -> None:
        stream = self._open()
        stream.settimeout(seconds)
        try:
            stream.sendall(data)
        except OSError as error:
            self._lose(error)

    def _receive(self, end: float, seconds: float) -> None:
        """Waits for something to come, and takes it in.

        Raises:
            NoAnswerError: Nothing has come before the end.
            LostError: The connection is lost.
        """
        stream = self._open()
        try:
            stream.settimeout(max(0.001, end - monotonic()))
            data = stream.recv(_CHUNK_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            raise NoAnswerError(f"nothing has come within {seconds:g} seconds") from None
        except OSError as error:
            self._lose(error)
        if not data:
            self._lose(None)
        self._conversation.feed(data, monotonic())
        if self._error is not None:
            self._lose(None)
        self._deliver()

    def _open(self) -> socket.socket:
        if self._stream is None:
            raise LostError("there is no connection; connect() makes one")
        return self._stream

    def _lose(self, reason: Exception | None) -> NoReturn:
        """The connection is gone."""
        why = "the server has hung up" if reason is None else str(reason)
        error = self._error or LostError(f"the connection is lost: {why}")
        self._conversation.lose(error)
        self.close()
        self._deliver()
        raise error

    # What answers nothing

    def heard(self, message: dict[str, Any]) -> None:
        """See `conversation.Listener.heard`."""
        if self.welcome:
            self._messages.append(message)
        elif "error" in message:
            self._error = LostError(f"the server does not let us in: {message['error']}")
        else:
            self.welcome = message

    def garbled(self, error: LostError) -> None:
        """See `conversation.Listener.garbled`."""
        self._error = self._error or error

    def _deliver(self) -> None:
        """Calls the callbacks, when all that has come is in order."""
        while self._messages:
            message = self._messages.pop(0)
            said = message.get("context") == "user"
            callback = self.on_say if said else self.on_message
            if callback is not None:
                callback(message)


class _Waiting:
    """A call that waits; see `conversation.Call`."""

    def __init__(self, timeout: float) -> None:
        self.started = monotonic()
        self.timeout = timeout
        self.done = False
        self.result: Any = None
        self.error: Exception | None = None

    def succeed(self, result: Any) -> None:
        """There it is."""
        self.done, self.result = True, result

    def fail(self, error: Exception) -> None:
        """It comes to nothing."""
        self.done, self.error = True, error


def _close(stream: socket.socket | None) -> None:
    if stream is not None:
        stream.close()
