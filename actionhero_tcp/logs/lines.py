"""How the lines of the logs look: as text for people, or as JSON, one object a line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..errors import printable

if TYPE_CHECKING:
    from ..connection.connected_client import ConnectedClient

MAX_PARAMS_CHARACTERS: Final = 1000
"""As much of a request's params is logged at most, where `log.params` asks for them."""

MAX_FIELDS_CHARACTERS: Final = 1000
"""As much of what the application says of a client is logged at most."""

_TAKEN: Final = frozenset(
    (
        *("time", "level", "namespace", "worker", "event", "client", "from", "number", "name"),
        *("ms", "outcome", "error", "params", "paramsText", "requests", "seconds", "reason"),
    )
)

UNSHOWN: Final = "(cannot be shown)"
"""The replacement for params that are no JSON."""

REQUEST_NAMESPACE: Final = "actionhero_tcp.logs.request_log"


class Form(Protocol):
    """How the lines of the request log look.

    A request's line is put together of parts, of which most serve for many lines: `start`,
    the time, `request`, `who`, the request's number, `name`, the milliseconds, and `ok` or
    `outcome`. The lines of who comes and goes are `start`, the time and the rest.

    Attributes:
        start: The text before the time.
        request: The text after the time in the line of a request.
        ok: The end of the line of a request that was answered.
    """

    start: str
    request: str
    ok: str

    def fields(self, fields: Mapping[str, Any]) -> str:
        """The application's fields of a client, after its address."""

    def who(self, connection: ConnectedClient, more: str = "") -> str:
        """The client and what `fields` has made, up to the number of its request."""

    def name(self, name: str) -> str:
        """The verb or the action, not too long, up to the milliseconds."""

    def outcome(self, error: str | None, params: object) -> str:
        """The outcome of a request, up to the end of the line; params may be None."""

    def connected(self, connection: ConnectedClient) -> str:
        """That a client has come: all that follows the time."""

    def disconnected(
        self, connection: ConnectedClient, seconds: float, reason: str, more: str = ""
    ) -> str:
        """That a client has gone: all that follows the time; see `who`."""

    def turned_away(self, remote_address: str, reason: str, error: str | None) -> str:
        """That one has gone which was never welcomed: all that follows the time."""


class TextForm:
    """The time, what happened, and ``key=value`` pairs; see `Form`.

    Args:
        worker: The number of the worker that writes; 0 where there are none.
    """

    start = ""
    ok = " ok\n"

    def __init__(self, worker: int = 0) -> None:
        self._worker = f"worker={worker} " if worker else ""
        self.request = f" request {self._worker}"

    def fields(self, fields: Mapping[str, Any]) -> str:
        """See `Form.fields`."""
        return _joined(
            f" {key if key.isidentifier() else _quoted(key)}={_quoted(value)}"
            for key, value in _named(fields)
        )

    def who(self, connection: ConnectedClient, more: str = "") -> str:
        """See `Form.who`."""
        return f"client={connection.id} from={connection.remote_address}{more} number="

    def name(self, name: str) -> str:
        """See `Form.name`; in quotes where the name could be taken for more."""
        return f" name={name if name.isidentifier() else _quoted(name)} ms="

    def outcome(self, error: str | None, params: object) -> str:
        """See `Form.outcome`."""
        text = " ok" if error is None else f" error={_quoted(error)}"
        if params:
            text += f" params={_quoted(params)[:MAX_PARAMS_CHARACTERS]}"
        return text + "\n"

    def connected(self, connection: ConnectedClient) -> str:
        """See `Form.connected`."""
        return f" connect {self._worker}client={connection.id} from={connection.remote_address}\n"

    def disconnected(
        self, connection: ConnectedClient, seconds: float, reason: str, more: str = ""
    ) -> str:
        """See `Form.disconnected`."""
        who = f"client={connection.id} from={connection.remote_address}{more}"
        return (
            f" disconnect {self._worker}{who} "
            f"requests={connection.requests} seconds={seconds:.3f} reason={_quoted(reason)}\n"
        )

    def turned_away(self, remote_address: str, reason: str, error: str | None) -> str:
        """See `Form.turned_away`."""
        more = "" if error is None else f" error={_quoted(error)}"
        return f" disconnect {self._worker}from={remote_address} reason={_quoted(reason)}{more}\n"


class JsonForm:
    """One JSON object; see `Form`.

    Args:
        worker: The number of the worker that writes; 0 where there are none.
    """

    start = '{"time":"'
    ok = ',"outcome":"ok"}\n'

    def __init__(self, worker: int = 0) -> None:
        number = f'"worker":{worker},' if worker else ""
        namespace = f'"namespace":"{REQUEST_NAMESPACE}"'
        self._event = f'","level":"info",{namespace},{number}"event":"%s",'
        self.request = self._event % "request"

    def fields(self, fields: Mapping[str, Any]) -> str:
        """See `Form.fields`."""
        return _joined(f",{as_json(key)}:{_shown(value)}" for key, value in _named(fields))

    def who(self, connection: ConnectedClient, more: str = "") -> str:
        """See `Form.who`."""
        return f'{self._client(connection)}{more},"number":'

    def name(self, name: str) -> str:
        """See `Form.name`."""
        return f',"name":{as_json(name)},"ms":'

    def outcome(self, error: str | None, params: object) -> str:
        """See `Form.outcome`."""
        text = ',"outcome":"ok"'
        if error is not None:
            text = f',"outcome":"error","error":{as_json(error)}'
        return f"{text}{self._params(params) if params else ''}}}\n"

    def connected(self, connection: ConnectedClient) -> str:
        """See `Form.connected`."""
        return f"{self._event % 'connect'}{self._client(connection)}}}\n"

    def disconnected(
        self, connection: ConnectedClient, seconds: float, reason: str, more: str = ""
    ) -> str:
        """See `Form.disconnected`."""
        return (
            f"{self._event % 'disconnect'}{self._client(connection)}{more},"
            f'"requests":{connection.requests},"seconds":{seconds:.3f},'
            f'"reason":{as_json(reason)}}}\n'
        )

    def turned_away(self, remote_address: str, reason: str, error: str | None) -> str:
        """See `Form.turned_away`."""
        more = "" if error is None else f',"error":{as_json(error)}'
        return (
            f'{self._event % "disconnect"}"from":{as_json(remote_address)},'
            f'"reason":{as_json(reason)}{more}}}\n'
        )

    def _client(self, connection: ConnectedClient) -> str:
        return f'"client":"{connection.id}","from":{as_json(connection.remote_address)}'

    def _params(self, params: object) -> str:
        """The params as an object; as text where they are too long for a log, or no JSON."""
        text = UNSHOWN
        if isinstance(params, dict):
            with suppress(Exception):
                text = as_json(params)
        if text is UNSHOWN or len(text) > MAX_PARAMS_CHARACTERS:
            return f',"paramsText":{as_json(text[:MAX_PARAMS_CHARACTERS])}'
        return f',"params":{text}'


FORMS: Final[dict[str, type[TextForm] | type[JsonForm]]] = {"text": TextForm, "json": JsonForm}
"""The forms that `log.format` can name."""


def stamp(milliseconds: int) -> str:
    """A time as the lines have it, in UTC: ``2026-11-22T15:41:13.160Z``.

    Args:
        milliseconds: Since 1970.
    """
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def as_json(value: object) -> str:
    """A value as JSON on one line, in which control characters and the like are escapes.

    Raises:
        Exception: It holds what is no JSON.
    """
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=repr
    )
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    # Not every reader takes a JSON escape for half of a character.
    escape = json.dumps(character)[1:-1]
    return "\\" + escape if "\ud800" <= character <= "\udfff" else escape


def _named(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of an application, with an underscore behind names that a line has already."""
    for key, value in fields.items():
        yield (f"{key}_" if key in _TAKEN else str(key)), value


def _joined(texts: Iterable[str]) -> str:
    """Texts one after the other, without those that would make the whole too long."""
    whole = ""
    for text in texts:
        if len(whole) + len(text) <= MAX_FIELDS_CHARACTERS:
            whole += text
    return whole


def _shown(value: object) -> str:
    """A value as JSON, whatever it is."""
    try:
        return as_json(value)
    except Exception:
        return as_json(UNSHOWN)


def _quoted(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except Exception:
        text = f'"{UNSHOWN}"'
    return printable(text)
