"""One client's state. No Twisted in here."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any, Final, Protocol

from .. import close_reasons
from ..errors import LimitError
from ..wire import json_lines, json_writer
from ..wire.profile import PROFILE_2012, Profile
from .estimate import PARAM_BYTES, WIDEST
from .state import ReadHold

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from .files import FileReader
    from .memory import Account
    from .outbox import ResponseSlot

UNCOUNTED_PARAMS = ("action", "limit", "offset")
"""Params that each request makes sticky by itself; they do not count towards ``maxParams``."""

_NO_HOLD: Final = ReadHold.NONE
_NONE_PENDING: Final[Set[Any]] = frozenset()
"""The running requests of a client that has none yet; an empty set would take 216 bytes."""

SPARE_BYTES: Final = 1024
"""Sticky params are charged in steps of this many bytes or more."""


class Outlet(Protocol):
    """Takes the bytes for a client: an `outbox.Outbox`, or a list-like stand-in in tests."""

    @property
    def queued_bytes(self) -> int:
        """Bytes of messages that wait for the client."""
        ...

    def send(self, data: bytes) -> None:
        """Sends what the client asked for."""

    def send_event(self, data: bytes) -> None:
        """Sends a message that answers no request: of a room, or of the application."""

    def send_file(self, reader: FileReader) -> None:
        """Sends a file's content, and holds all else back until it is out."""

    def hold(self) -> ResponseSlot:
        """Holds all else back until the slot that it returns is taken."""
        ...

    def wait(self) -> Deferred[None] | None:
        """A Deferred that fires when the client has taken enough; None where nothing waits."""
        ...


class Membership(Protocol):
    """Adds clients to rooms for the application: an `app.rooms.AppRooms`, or a stand-in."""

    def check(self, room: object) -> None:
        """Check that a room can have this name."""

    def join(self, client: ConnectedClient, room: str) -> bool:
        """Take a client into a room."""
        ...

    def leave(self, client: ConnectedClient, room: str) -> bool:
        """Take a client out of a room."""
        ...


class Owner(Protocol):
    """The owner of the connection's transport: the protocol, or a stand-in in tests."""

    def close(self, reason: str) -> None:
        """Closes once all that was asked for has been answered and sent."""

    def action_done(self) -> None:
        """An action of this connection has ended."""

    @property
    def rooms(self) -> Membership:
        """Takes the client into rooms, and out of them."""
        ...

    def hold_for_cluster(self) -> None:
        """Reads no more: too much of what it has asked for is on its way to other processes."""

    def release_for_cluster(self) -> None:
        """Reads again."""


class Pending(Protocol):
    """A request whose action still runs: a `dispatch.request.Request`."""

    def cancel(self) -> None:
        """Ends the action; the client gets no response."""

    def give_up(self, error: str) -> None:
        """Ends the action; the client gets this error."""


class ParamLimits(Protocol):
    """The limits of sticky params: the configuration's limits, or a stand-in in tests."""

    @property
    def max_params(self) -> int:
        """How many there may be."""
        ...

    @property
    def max_param_bytes(self) -> int:
        """How many bytes keys and values may take together."""
        ...


class ConnectedClient:
    """One connected client.

    Attributes:
        id: Its id, in the form of its dialect.
        connected_at: In ms since 1970, by the wall clock, to be shown.
        opened: The same moment in seconds by the monotonic clock, to tell how long ago it was.
        remote_address: The client's address, such as ``127.0.0.1:54321``.
        params: The sticky params, in the order in which they came.
        rooms: The rooms it is in, each with the moment of its joining, in ms since 1970.
        room: The room that its verbs are about: the latest that is not private, or else the
            latest; None while it is in none.
        profile: How it is spoken to beside the answers to its requests.
        farewell: What it gets after all answers, before our end is closed; mostly nothing.
        actions: How many actions it has asked for, where its dialect counts them.
        attributes: The application's own state of this client (who is logged in, …).
        log_fields: The fields of each of its lines in the request log; None where that is nothing
            more.
        requests: How many lines it has sent; the number of its latest request.
        pending: Its requests whose actions still run.
        outbox: Where bytes for it go.
        owner: Closes it.
        account: Is charged with what is kept for it.
        holds: Why its lines have to wait; nothing where they need not.
        waits_for: The request that has to end before the next one begins; None for none.
        announced: Whether the members of its rooms hear of it when it comes and goes.
        removed: Whether it has left its rooms for good.
    """

    __slots__ = (
        "__weakref__",
        "_charged_param_bytes",
        "_most_param_bytes",
        "_params_charge",
        "account",
        "actions",
        "announced",
        "attributes",
        "connected_at",
        "farewell",
        "holds",
        "id",
        "log_fields",
        "opened",
        "outbox",
        "owner",
        "params",
        "pending",
        "profile",
        "remote_address",
        "removed",
        "requests",
        "room",
        "rooms",
        "waits_for",
    )

    def __init__(
        self,
        outbox: Outlet,
        owner: Owner,
        remote_address: str,
        account: Account,
        profile: Profile = PROFILE_2012,
    ) -> None:
        self.profile = profile
        self.farewell = b""
        self.actions = 0
        self.id: str = profile.new_id()
        self.connected_at: int = int(time.time() * 1000)
        self.opened = time.monotonic()
        self.remote_address: str = remote_address
        self.params: dict[str, Any] = {}
        self.rooms: dict[str, int] = {}
        self.room: str | None = None
        self.attributes: dict[str, Any] = {}
        self.log_fields: dict[str, Any] | None = None
        self.requests: int = 0
        self.pending: Set[Pending] = _NONE_PENDING
        self.outbox: Outlet = outbox
        self.owner = owner
        self.account = account
        self._params_charge = 0
        self.holds = _NO_HOLD
        self.waits_for: Pending | None = None
        self.announced = True
        self.removed = False
        # The most bytes that the sticky params can take. Overwritten and deleted params are
        # subtracted only when the sum comes near the limit.
        self._most_param_bytes = self._charged_param_bytes = 0

    def __repr__(self) -> str:
        return f"<ConnectedClient {self.id} of {self.remote_address}>"

    def action_began(self, request: Pending) -> None:
        """Adds a request to those that still run."""
        if isinstance(self.pending, set):
            self.pending.add(request)
        else:
            self.pending = {request}

    def action_ended(self, request: Pending) -> None:
        """Removes a request from those that still run, if it is one of them."""
        if isinstance(self.pending, set):
            self.pending.discard(request)

    def send(self, message: Mapping[str, object]) -> None:
        """Sends a message of the application to this client, after what was sent before.

        It counts towards ``limits.maxOutboxBytes``, as what others say does: a client that lets
        more than that wait is closed as a slow consumer.

        Args:
            message: A JSON object; ``"context":"api"`` is added where it names none.

        Raises:
            UnserializableError: It is no JSON.
        """
        self.outbox.send_event(json_lines.message_line(message))

    def close(self, reason: str = close_reasons.CLOSED_BY_APPLICATION) -> None:
        """Closes the connection after all that it asked for has been answered and sent."""
        self.owner.close(reason)

    def set_param(self, key: str, value: str, max_params: int, max_bytes: int) -> None:
        """Makes a param sticky.

        Args:
            key: Its name.
            value: Its text.
            max_params: How many there may be, `UNCOUNTED_PARAMS` aside.
            max_bytes: How many bytes all keys and values may take together.

        Raises:
            LimitError: There would be too many, or too much; nothing was changed.
        """
        params = self.params
        is_new = key not in params
        if is_new and len(params) >= max_params and key not in UNCOUNTED_PARAMS:
            automatic = sum(name in params for name in UNCOUNTED_PARAMS)
            if len(params) - automatic >= max_params:
                raise LimitError("maxParams", f"a connection can hold at most {max_params} params")
        size = self._most_param_bytes + len(key) + len(value)
        if not value.isascii() or not key.isascii():
            size = self._most_param_bytes + _size(key, value)
        if size > max_bytes:
            size = sum(_size(*param) for param in {**params, key: value}.items())
            if size > max_bytes:
                raise LimitError(
                    "maxParamBytes",
                    f"the params of a connection can take at most {max_bytes} bytes",
                )
        params[key] = value
        self._most_param_bytes = size
        if is_new or size > self._charged_param_bytes:
            self._charge_params()

    def replace_params(self, params: dict[str, Any], size: int, limits: ParamLimits) -> None:
        """Makes these the sticky params, in place of all others.

        Args:
            params: The params, of any JSON types.
            size: The bytes that they were sent in.
            limits: How many there may be, and how much they may take.

        Raises:
            LimitError: There are too many, or too much; nothing was changed.
        """
        if len(params) - ("action" in params) > limits.max_params:
            raise LimitError(
                "maxParams", f"a connection can hold at most {limits.max_params} params"
            )
        if size > limits.max_param_bytes:
            raise LimitError(
                "maxParamBytes",
                f"the params of a connection can take at most {limits.max_param_bytes} bytes",
            )
        self.params = params
        self._most_param_bytes = size
        held = size * WIDEST + len(params) * PARAM_BYTES + SPARE_BYTES
        # Requests of one kind mostly take the same.
        if held != self._params_charge:
            self._params_charge = self.account.change(self._params_charge, held)

    def delete_param(self, key: str) -> None:
        """Forgets a sticky param, if it is there."""
        self.params.pop(key, None)
        if not self.params:
            self._forget_params()

    def hold(self, hold: ReadHold) -> None:
        """Has its lines wait for this reason."""
        # Mostly it is the only one. To join flags takes microseconds, to compare them does not.
        self.holds = self.holds | hold if self.holds else hold

    def release(self, hold: ReadHold) -> None:
        """Has its lines wait for this reason no longer."""
        if self.holds == hold:
            self.holds = _NO_HOLD
        elif self.holds:
            self.holds &= ~hold

    def delete_params(self) -> None:
        """Forgets all sticky params."""
        self.params.clear()
        self._forget_params()

    def _charge_params(self) -> None:
        """Charges more than the sticky params take, so that not every one has to be charged."""
        held = self._most_param_bytes * WIDEST + len(self.params) * PARAM_BYTES
        if held > self._params_charge:
            held += SPARE_BYTES
            self._params_charge = self.account.change(self._params_charge, held)
        spare = self._params_charge - len(self.params) * PARAM_BYTES
        self._charged_param_bytes = spare // WIDEST

    def _forget_params(self) -> None:
        self._most_param_bytes = self._charged_param_bytes = 0
        self._params_charge = self.account.change(self._params_charge, 0)


def _size(key: str, value: object) -> int:
    """The bytes a sticky param counts for; numbers (limit and offset) count for their key."""
    if isinstance(value, int | float):
        value = ""
    elif type(value) is not str:
        value = json_writer.dumps(value).decode()
    if key.isascii() and value.isascii():
        return len(key) + len(value)
    return len(key.encode("utf-8", "surrogatepass")) + len(value.encode("utf-8", "surrogatepass"))
