"""The dialect of actionHero 4.2 to 29: answers carry ``messageId`` and ``messageCount``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..app.runnable import Runnable
from ..errors import ClientError, LimitError, UnknownActionError
from ..wire import json_lines, json_reader
from ..wire import lines_29 as lines
from ..wire.framing import INTERRUPTS, TOO_LONG
from ..wire.profile import Profile
from .dialect import Response
from .pending import PendingLimit

if TYPE_CHECKING:
    from ..app.application import ActionSet
    from ..config.settings import LiveSettings
    from ..connection.connected_client import ConnectedClient
    from .request import Request
    from .verb import Verb

UNKNOWN: Final = "unknown action or invalid apiVersion"
DATA_LENGTH: Final = "DATA_LENGTH_TOO_LONG"

_QUIT: Final = b"quit"
_OPENING_BRACE: Final = ord("{")
_ALWAYS_ALLOWED: Final = ("file", "apiVersion", "callback", "action", "messageId")
"""Params of the dialect itself, which no action has to declare."""
_VERSIONS: Final = (1, "1", 1.0)
_NOT_GIVEN: Final = object()


class Dialect29:
    """Reads lines and writes answers; see `dialect.Dialect`.

    Args:
        verbs: The verbs, by their words.
        actions: The actions.
        live: The limits of one client.
        profile: See `Dialect.profile`.

    Attributes:
        verbs: See above.
        profile: See above.
    """

    def __init__(
        self,
        verbs: Mapping[bytes, Verb],
        actions: ActionSet,
        live: LiveSettings,
        profile: Profile,
    ) -> None:
        self.verbs = verbs
        self.profile = profile
        self._actions = actions
        self._live = live
        self._pending = PendingLimit(live)

    # Reading

    def read(self, request: Request, line: bytes, word: bytes, rest: bytes) -> bytes | Runnable:
        """See `Dialect.read`."""
        connection = request.connection
        params = connection.params
        # The id of the line, which params that it brings may replace.
        request.message_id = lines.message_id(params)
        runnable = self._actions.by_word.get(word)
        if runnable is None:
            return self._look_closer(request, line, word)
        connection.actions += 1
        name = runnable.name
        if params.get("action") != name:
            self._stick_name(connection, name)
        return self._run(request, name, runnable)

    def _look_closer(self, request: Request, line: bytes, word: bytes) -> bytes | Runnable:
        """Reads a line that does not begin with the name of an action."""
        connection = request.connection
        if line[0] != _OPENING_BRACE:
            if line == TOO_LONG:
                raise LimitError("maxLineLength", DATA_LENGTH, {"status": "error"})
            if line in INTERRUPTS:
                request.name = "quit"
                return self.verbs[_QUIT].answer(connection, request.number, b"")
        connection.actions += 1
        document = self._document(line)
        if document is not None:
            return self._run_json(request, line, document)
        name = word.decode("utf-8", "replace")
        self._stick_name(connection, name)
        return self._run(request, name, None)

    def _stick_name(self, connection: ConnectedClient, name: str) -> None:
        limits = self._live.limits
        connection.set_param("action", name, limits.max_params, limits.max_param_bytes)

    def _document(self, line: bytes) -> object:
        """The JSON that a line is; None where it is none, or ``null``."""
        try:
            return json_reader.loads(line.lstrip(b" \t"), self._live.limits.max_json_depth)
        except LimitError:
            raise
        except (ClientError, UnicodeDecodeError):
            return None

    def _run_json(self, request: Request, line: bytes, document: object) -> Runnable:
        """Runs what a JSON line asks for, whose params replace the sticky ones."""
        connection = request.connection
        fields: Mapping[str, Any] = document if type(document) is dict else {}
        given, name = fields.get("params", _NOT_GIVEN), fields.get("action")
        if type(name) is not str:
            name = _action_name(name)
        if given is not _NOT_GIVEN:
            params = _params(given)
            if name:
                params.pop("action", None)
                params["action"] = name
            connection.replace_params(params, len(line), self._live.limits)
            if params.get("messageId"):
                request.message_id = lines.message_id(params)
        elif name:
            self._stick_name(connection, name)
        if not name:
            name = _action_name(connection.params.get("action"))
        return self._run(request, name, self._actions.by_name.get(name))

    def _run(self, request: Request, name: str, runnable: Runnable | None) -> Runnable:
        connection = request.connection
        request.name = name
        params = request.params = connection.params.copy()
        if connection.pending:
            self._pending.check(connection)
        if runnable is None or ("apiVersion" in params and not _has_version(params)):
            raise UnknownActionError(UNKNOWN)
        if name in self._actions.strict:
            declared = {each.name for each in self._actions.actions[name].inputs.declared}
            request.params = {
                key: value
                for key, value in params.items()
                if key in declared or key not in _ALWAYS_ALLOWED
            }
        return runnable

    def most_pending(self) -> int:
        """See `Dialect.most_pending`."""
        return self._pending.most()

    # Writing

    def result(self, request: Request, outcome: object) -> bytes:
        """See `Dialect.result`."""
        if type(outcome) is Response:
            return outcome
        return lines.result(outcome, request.message_id or _id(request), request.number)

    def part(self, request: Request, part: object, context: str = "stream") -> bytes:
        """See `Dialect.part`."""
        return lines.part(part, _id(request), request.number, context)

    def error(self, request: Request, text: str, fields: Mapping[str, object]) -> bytes:
        """See `Dialect.error`."""
        return lines.error(text, _id(request), request.number, fields)

    def welcome(self, message: str, room: str) -> bytes:
        """See `Dialect.welcome`."""
        return json_lines.line({"welcome": message, "context": "api"})


def _id(request: Request) -> bytes:
    return request.message_id or lines.message_id(request.connection.params)


def _params(given: object) -> dict[str, Any]:
    """The params that a JSON line brings, of whatever type they are."""
    if isinstance(given, dict):
        return given
    if isinstance(given, list | str):
        return {str(index): value for index, value in enumerate(given)}
    return {}


def _has_version(params: Mapping[str, Any]) -> bool:
    """Whether there are actions of the version that params ask for, if they ask for one."""
    version = params.get("apiVersion")
    return not version or version in _VERSIONS


def _action_name(given: object) -> str:
    """The name of an action, as JavaScript makes a text of it; empty for none."""
    if type(given) is str:
        return given
    if isinstance(given, list):
        return ",".join(map(_action_name, given))
    return str(given) if given else ""
