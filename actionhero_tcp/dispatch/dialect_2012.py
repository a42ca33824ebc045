"""The dialect of actionHero's documentation of 2012, numbered by ``messageCount``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..app.conversion import number as to_number
from ..app.runnable import Runnable
from ..connection.connection import JsonParams
from ..errors import ClientError, LimitError, UnknownActionError, shorten
from ..wire import json_lines, json_reader
from ..wire.framing import INTERRUPTS, TOO_LONG
from ..wire.json_lines import NUMBERED
from ..wire.profile import PROFILE_2012, Profile
from .dialect import Response
from .generations import DEFAULT, Generation
from .pending import TOO_MANY_PENDING, PendingLimit

if TYPE_CHECKING:
    from ..app.application import ActionSet
    from ..config.settings import LiveSettings
    from ..connection.connected_client import ConnectedClient
    from .request import Request
    from .verb import Verb

NO_ACTION: Final = "{no action}"

_QUIT: Final = b"quit"
"""The verb that the bytes of Ctrl-D and Ctrl-C stand for."""

_OPENING_BRACE: Final = ord("{")
_NO_PARAMS: Final = object()


class Dialect2012:
    """Reads lines and writes answers; see `dialect.Dialect`.

    Args:
        verbs: The verbs, by their words.
        actions: The actions.
        live: The limits of one client, and the defaults of ``limit`` and ``offset``.
        generation: How clients of one version of actionHero are answered.
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
        generation: Generation = DEFAULT,
        profile: Profile = PROFILE_2012,
    ) -> None:
        self.verbs = verbs
        self.profile = profile
        self._actions = actions
        self._live = live
        self._error_prefix = generation.error_prefix
        self._names = {verb.name for verb in verbs.values()}
        self._pending = PendingLimit(live) if generation.bounds_pending else None

    # Reading

    def read(self, request: Request, line: bytes, word: bytes, rest: bytes) -> bytes | Runnable:
        """See `Dialect.read`."""
        if line[0] != _OPENING_BRACE:
            action = self._actions.by_word.get(word)
            if action is None:
                return self._look_closer(request, line)
            if rest:
                rest.decode()
            request.name = action.name
            self._admit(request.connection)
            request.params = self._sticky_params(request.connection, action.name)
            return action
        # In JSON: the params are its own, and do not stick.
        self._admit(request.connection)
        found = self._actions.decoder.read(line, self._live.limits.max_json_depth)
        if found is None:
            return self._read_json(request, line)
        runnable, arguments, params = found
        request.name = runnable.name
        if arguments is not None:
            request.params = JsonParams(line, arguments, self._live.default_params)
        elif params is not None:
            request.params = self._completed(params)
        return runnable

    def _read_json(self, request: Request, line: bytes) -> Runnable:
        """Reads a request in JSON that has a fault, or is not of the plain form."""
        document: Any = json_reader.loads(line, self._live.limits.max_json_depth)
        name, params = document.get("action", ""), document.get("params", _NO_PARAMS)
        if type(name) is not str:
            raise ClientError('"action" must be a string, the name of an action')
        request.name = name
        if type(params) is not dict:
            if params is not _NO_PARAMS:
                raise ClientError('"params" must be an object')
            params = {}
        request.params = self._completed(params)
        runnable = self._actions.by_name.get(name)
        if runnable is None:
            raise _unknown(name)
        if "params" not in document and len(document) > 1:
            self._actions.actions[name].inputs.refuse_beside(document)
        return runnable

    def _completed(self, params: dict[str, Any]) -> dict[str, Any]:
        """The params of a request in JSON, with those that it does not set."""
        if "limit" in params or "offset" in params:
            self._set_defaults(params)
        else:
            params.update(self._live.default_params)
        return params

    def _look_closer(self, request: Request, line: bytes) -> bytes | Runnable:
        """Reads a line that does not begin with a known word.

        There may be blanks before the word and a tab behind it, and an interrupt means ``quit``.
        """
        if line == TOO_LONG:
            longest = self._live.limits.max_line_length
            raise LimitError("maxLineLength", f"a line can be at most {longest} bytes long")
        meant = _QUIT if line.startswith(INTERRUPTS) else line.lstrip(b" \t") or b" "
        word, _, rest = meant.partition(b" ")
        if b"\t" in word:
            word, _, rest = meant.partition(b"\t")
        verb = self.verbs.get(word)
        if verb is not None:
            request.name = verb.name
            return verb.answer(request.connection, request.number, rest)
        if meant[0] == _OPENING_BRACE or word in self._actions.by_word:
            return self.read(request, meant, word, rest)
        request.name = word.decode()
        self._refuse_unknown(request.connection, request.name, rest)

    def _admit(self, connection: ConnectedClient) -> None:
        """Counts a request for an action, and refuses it where too many run."""
        connection.actions += 1
        if self._pending is not None:
            self._pending.check(connection)

    def _refuse_unknown(self, connection: ConnectedClient, name: str, rest: bytes) -> NoReturn:
        """Refuses an unknown action; its name sticks all the same, if it has room."""
        self._admit(connection)
        if name:
            rest.decode()
            limits = self._live.limits
            with suppress(ClientError):
                connection.set_param("action", name, limits.max_params, limits.max_param_bytes)
                self._set_defaults(connection.params)
        raise _unknown(name)

    def _sticky_params(self, connection: ConnectedClient, name: str) -> dict[str, Any]:
        """A copy of the sticky params as of now, which a request for an action changes."""
        params = connection.params
        params["action"] = name
        if type(params.get("limit")) is not int or type(params.get("offset")) is not int:
            self._set_defaults(params)
        return params.copy()

    def _set_defaults(self, params: dict[str, Any]) -> None:
        """Sets ``limit`` and ``offset`` where they are not set, and makes numbers of texts."""
        defaults = self._live.default_params
        for key, default in defaults.items():
            if params.get(key) is None:
                params[key] = default
        for key in defaults:
            params[key] = _number(key, params[key])

    def most_pending(self) -> int:
        """See `Dialect.most_pending`."""
        if self._pending is not None:
            return self._pending.most()
        return self._live.limits.max_pending_actions

    # Writing

    def result(self, request: Request, outcome: object) -> bytes:
        """See `Dialect.result`."""
        if type(outcome) is Response:
            return outcome
        return json_lines.result(outcome, request.number)

    def part(self, request: Request, part: object, context: str = "stream") -> bytes:
        """See `Dialect.part`."""
        return json_lines.part(part, request.number, context)

    def error(self, request: Request, text: str, fields: Mapping[str, object]) -> bytes:
        """See `Dialect.error`."""
        prefix = self._error_prefix
        if prefix and not self._is_plain(request, text):
            text = prefix + text
        return json_lines.error(text, request.number, fields)

    def _is_plain(self, request: Request, text: str) -> bool:
        """Whether an error is none of an action: of a verb, or of the limit of pending ones."""
        is_verb = request.params is None and request.name in self._names
        return is_verb or text == TOO_MANY_PENDING

    def welcome(self, message: str, room: str) -> bytes:
        """See `Dialect.welcome`."""
        greeting = {"welcome": message, "room": room, "context": "api"}
        return NUMBERED % (json_lines.head(greeting), 0)


def _unknown(name: str) -> UnknownActionError:
    return UnknownActionError(f"{shorten(name) or NO_ACTION} is not a known action.")


def _number(key: str, value: object) -> float:
    """The number that ``limit`` or ``offset`` was given as."""
    number = to_number(value)
    if number is None:
        raise ClientError(f"{key} must be a number")
    return number
