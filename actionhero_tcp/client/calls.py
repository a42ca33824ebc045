"""The calls that all clients have: each gives a Deferred, a future, or the answer itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from . import requests
from .content import Content, Digest, Progress
from .dialects import Dialect
from .download import Download
from .settings import Limits
from .sticky import Sticky

Given = TypeVar("Given")
"""What a call gives: an `outcomes.Answer`, or a Deferred or a future of one."""

Fetched = TypeVar("Fetched")
"""What `file` gives: a file's content or its size, or a Deferred or a future of it."""


class Calls(Generic[Given, Fetched]):
    """The calls.

    Attributes:
        on_say: Called with each message that another client has said in the room.
        on_message: Called with every other message that is no answer: what the application
            sends, and the server's goodbye.
        welcome: The server's first message on the last connection.
        dialect: The dialect that the client speaks.
    """

    def __init__(self, limits: Limits, sticky: Sticky, dialect: Dialect) -> None:
        self._limits = limits
        self._sticky = sticky
        self.dialect = dialect
        self.on_say: Callable[[dict[str, Any]], object] | None = None
        self.on_message: Callable[[dict[str, Any]], object] | None = None
        self.welcome: dict[str, Any] = {}

    _call: Callable[[bytes, float | None], Given]

    def _action_line(self, name: str, params: Mapping[str, object]) -> bytes:
        """The request for an action, which may replace the sticky params."""
        line = self.dialect.action(name, params)
        self._sticky.replace_params()
        return line

    def _fetch(self, download: Download, timeout: float | None) -> Fetched:
        """Fetch a file."""
        raise NotImplementedError

    def _then(self, given: Given, do: Callable[..., object], *arguments: object) -> Given:
        """The result of a call, after its answer was processed there."""
        raise NotImplementedError

    def _callback_for(self, message: dict[str, Any]) -> Callable[[dict[str, Any]], object] | None:
        """The callback that a message is for."""
        return self.on_say if message.get("context") == "user" else self.on_message

    @property
    def room(self) -> str:
        """The room that the client has entered last; empty if it is in none."""
        return self.rooms[-1] if self.rooms else ""

    @property
    def rooms(self) -> list[str]:
        """The rooms that the client is in, in the order of entering them."""
        welcome = self.welcome.get("room")
        return list(self._sticky.rooms) or ([str(welcome)] if welcome else [])

    @property
    def params(self) -> dict[str, str]:
        """The sticky params that are set again."""
        return dict(self._sticky.params)

    def action(
        self,
        name: str,
        params: Mapping[str, object] | None = None,
        /,
        *,
        timeout: float | None = None,
        **more: object,
    ) -> Given:
        """Runs an action.

        Args:
            name: The action's name.
            params: Its params; here go those that Python has no keyword for.
            timeout: Seconds that the call may take.
            more: More params.
        """
        if params:
            more = {**params, **more}
        return self._call(self._action_line(name, more), timeout)

    def file(
        self,
        name: str,
        to: Callable[[bytes], object] | None = None,
        *,
        offset: int = 0,
        digest: Digest | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Fetched:
        """Fetch a file.

        A file that comes whole, or whose beginning `digest` knows, is checked by its SHA-256.

        Args:
            name: Its path below the server's public folder.
            to: Called with each part of the content, such as a file's ``write``.
            offset: The place in the file to begin at, in bytes.
            digest: A ``hashlib.sha256`` of the bytes in front of `offset`.
            progress: Called after each part with the bytes of the file so far, the offset
                included, and its size; None for the size if the server does not say it.
            timeout: Seconds that may pass without a part.

        Returns:
            The content, or its size if it went to a function.

        Raises:
            ValueError: The offset is negative.
        """
        if offset < 0:
            raise ValueError(f"an offset is 0 or more, not {offset}")
        self._sticky.replace_params()
        content = Content(to, self._limits.max_file_bytes, progress, offset)
        return self._fetch(Download({"fileName": name}, content, digest), timeout)

    def status(self, *, timeout: float | None = None) -> Given:
        """How the server is doing."""
        return self.action("status", timeout=timeout)

    def actions(self, *, timeout: float | None = None) -> Given:
        """All actions of the server, with what they take and give."""
        return self.action("actionsView", timeout=timeout)

    def param_add(self, key: str, value: object, *, timeout: float | None = None) -> Given:
        """Makes a param sticky, as text: every action that is asked for in words gets it."""
        add, age = self._sticky.add_param, self._sticky.age
        done = self._call(self.dialect.param_add(key, value), timeout)
        return self._then(done, add, age, key, str(value))

    def param_view(self, key: str, *, timeout: float | None = None) -> Given:
        """Shows a sticky param."""
        return self._call(requests.verb("paramView", key), timeout)

    def param_delete(self, key: str, *, timeout: float | None = None) -> Given:
        """Forgets a sticky param."""
        done = self._call(requests.verb("paramDelete", key), timeout)
        return self._then(done, self._sticky.params.pop, key, None)

    def params_view(self, *, timeout: float | None = None) -> Given:
        """Shows all sticky params."""
        return self._call(requests.verb("paramsView"), timeout)

    def params_delete(self, *, timeout: float | None = None) -> Given:
        """Forgets all sticky params."""
        done = self._call(requests.verb("paramsDelete"), timeout)
        return self._then(done, self._sticky.params.clear)

    def room_change(self, room: str, *, timeout: float | None = None) -> Given:
        """Leave the room for another one; in the dialect 2012."""
        done = self._call(self.dialect.room_change(room), timeout)
        return self._then(done, self._sticky.change, room)

    def room_add(self, room: str, *, timeout: float | None = None) -> Given:
        """Enter one more room; in the dialect 29."""
        done = self._call(self.dialect.room_add(room), timeout)
        return self._then(done, self._sticky.enter, room)

    def room_leave(self, room: str, *, timeout: float | None = None) -> Given:
        """Leave a room; in the dialect 29."""
        done = self._call(self.dialect.room_leave(room), timeout)
        return self._then(done, self._sticky.leave, room)

    def room_view(self, room: str | None = None, *, timeout: float | None = None) -> Given:
        """Show who is in the room.

        Args:
            room: The room, in the dialect 29; by default the only one.
            timeout: Seconds that the call may take.
        """
        return self._call(self.dialect.room_view(self.rooms, room), timeout)

    def documentation(self, *, timeout: float | None = None) -> Given:
        """Show all actions by name and version; in the dialect 29."""
        return self._call(self.dialect.documentation(), timeout)

    def details(self, *, timeout: float | None = None) -> Given:
        """Shows what the server knows of the client: its id, its params, when it came."""
        return self._call(requests.verb("detailsView"), timeout)

    def say(self, message: str, *, room: str | None = None, timeout: float | None = None) -> Given:
        """Say something, on one line, to the others in the room.

        Args:
            message: The message.
            room: The room, in the dialect 29; by default the only one.
            timeout: Seconds that the call may take.
        """
        return self._call(self.dialect.say(message, self.rooms, room), timeout)

    def line(self, text: str, *, timeout: float | None = None) -> Given:
        """Sends a line as it is, for what has no method here; what sticks is not set again."""
        return self._call(requests.raw(text), timeout)
