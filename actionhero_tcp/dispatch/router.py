"""One line to one verb or one action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..app.conversion import number as to_number
from ..connection.connection import Connection
from ..errors import ClientError, LimitError, UnknownActionError, shorten
from ..wire import json_reader
from ..wire.framing import INTERRUPTS, TOO_LONG
from ..wire.json_lines import NUMBERED
from .commands import QUIT, Verb
from .hooked_commands import Hooked
from .runner import Runner

if TYPE_CHECKING:
    from ..app.actions import Action
    from ..config.sections import Limits
    from ..logs.request_log import RequestLog
    from ..stats import Stats

NO_ACTION: Final = "{no action}"

_OPENING_BRACE: Final = ord("{")
_NO_PARAMS: Final = object()


class Router:
    """Answers lines.

    Args:
        runner: Runs actions.
        actions: The actions, by name.
        verbs: The verbs, by their words.
        stats: Counts the lines.
        limits: What one client may use.
        defaults: ``limit`` and ``offset`` of requests that do not set them.
        log: The request log, or None.

    Attributes:
        limits: The limits; a reload may replace them, and
        defaults: these.
    """

    def __init__(
        self,
        runner: Runner,
        actions: Mapping[str, Action],
        verbs: Mapping[bytes, Verb],
        stats: Stats,
        limits: Limits,
        defaults: Mapping[str, int],
        log: RequestLog | None = None,
    ) -> None:
        self._runner = runner
        self.know(actions)
        self._verbs = verbs
        self._stats = stats
        self.limits = limits
        self.defaults = defaults
        self._log = log

    def know(self, actions: Mapping[str, Action]) -> None:
        """Takes these actions, in place of those that it had."""
        self._actions = actions
        self._by_word = {name.encode(): action for name, action in actions.items()}

    def serve(self, connection: Connection, lines: Iterator[bytes]) -> None:
        """Answers lines, now or when their actions have ended.

        Args:
            connection: Who sent them.
            lines: The lines, without their ends; `TOO_LONG` for one that was skipped. What
                follows when the connection is halted stays in the iterator.
        """
        verbs, stats, log, outbox = self._verbs, self._stats, self._log, connection.outbox
        started = monotonic() if log is not None else 0.0
        for line in lines:
            if not line:
                continue
            number = connection.requests = connection.requests + 1
            stats.requests += 1
            if line[0] == _OPENING_BRACE:
                word, rest, verb = b"", b"", None
            else:
                word, _, rest = line.partition(b" ")
                verb = verbs.get(word)
            if verb is None:
                self._serve_request(connection, number, line, word, rest, started)
                if log is not None:
                    started = monotonic()
            else:
                error = None
                try:
                    head = verb.answer(connection, rest.decode() if rest else "")
                    reply = NUMBERED % (head, number)
                except Hooked as hooked:
                    self._serve_hooked(connection, number, hooked, started)
                    if connection.halted:
                        return
                    continue
                except Exception as reason:
                    reply, error = self._runner.refusal(reason, number)
                outbox.send(reply)
                if log is not None:
                    finished = monotonic()
                    log.request(connection, number, verb.name, started, finished, error)
                    started = finished
            if connection.halted:
                return

    def _serve_request(
        self,
        connection: Connection,
        number: int,
        line: bytes,
        word: bytes,
        rest: bytes,
        started: float,
    ) -> None:
        """Answers a line that begins with no verb: an action, in words or in JSON, or nonsense."""
        name, error = "", None
        params: dict[str, Any] | None = None
        reply: bytes | None
        try:
            action = self._by_word.get(word)
            if action is None and line[0] != _OPENING_BRACE:
                line, word, rest = self._look_closer(line)
                action = self._by_word.get(word)
            if line[0] == _OPENING_BRACE:
                document: Any = json_reader.loads(line, self.limits.max_json_depth)
                asked, given = document.get("action", ""), document.get("params", _NO_PARAMS)
                if type(asked) is not str:
                    raise ClientError('"action" must be a string, the name of an action')
                name = asked
                if type(given) is dict:
                    params = given
                elif given is _NO_PARAMS:
                    params = {}
                else:
                    raise ClientError('"params" must be an object')
                if "limit" in params or "offset" in params:
                    self._set_defaults(params)
                else:
                    params.update(self.defaults)
                action = self._actions.get(name)
                if action is None:
                    raise _unknown(name)
                reply = self._runner.run(connection, number, action, params, started)
            elif action is not None:
                name = action.name
                params = self._sticky_params(connection, name, rest)
                reply = self._runner.run(connection, number, action, params, started)
            elif (verb := self._verbs.get(word)) is not None:
                name = verb.name
                reply = NUMBERED % (verb.answer(connection, rest.decode()), number)
            else:
                name = word.decode()
                reply = self._refuse_unknown(connection, name, rest)
        except Hooked as hooked:
            self._serve_hooked(connection, number, hooked, started)
            return
        except Exception as reason:
            reply, error = self._runner.refusal(reason, number)
        if reply is None:
            return
        if reply:
            connection.outbox.send(reply)
        if self._log is not None:
            self._log.request(connection, number, name, started, monotonic(), error, params)

    def _serve_hooked(
        self, connection: Connection, number: int, hooked: Hooked, started: float
    ) -> None:
        """Answers a line with a verb that has hooks around it."""
        run, error = hooked.run, None
        try:
            reply = self._runner.run(connection, number, run, connection.params.copy(), started)
        except ClientError as reason:
            reply, error = self._runner.refusal(reason, number)
        if reply is not None:
            connection.outbox.send(reply)
            if self._log is not None:
                self._log.request(connection, number, run.name, started, monotonic(), error)

    def _sticky_params(self, connection: Connection, name: str, rest: bytes) -> dict[str, Any]:
        """A copy of the sticky params as they stand now, which a request for an action changes."""
        if rest:
            rest.decode()
        params = connection.params
        params["action"] = name
        if type(params.get("limit")) is not int or type(params.get("offset")) is not int:
            self._set_defaults(params)
        return params.copy()

    def _refuse_unknown(self, connection: Connection, name: str, rest: bytes) -> NoReturn:
        """Refuses an action that there is not; its name sticks all the same, if it has room."""
        if name:
            rest.decode()
            limits = self.limits
            with suppress(ClientError):
                connection.set_param("action", name, limits.max_params, limits.max_param_bytes)
                self._set_defaults(connection.params)
        raise _unknown(name)

    def _set_defaults(self, params: dict[str, Any]) -> None:
        """Sets ``limit`` and ``offset`` where they are not set, and makes numbers of texts."""
        for key, default in self.defaults.items():
            if params.get(key) is None:
                params[key] = default
        for key in self.defaults:
            params[key] = _number(key, params[key])

    def _look_closer(self, line: bytes) -> tuple[bytes, bytes, bytes]:
        """A line that does not begin with a known word: as it was meant, its first word, the rest.

        There may be blanks before the word and a tab behind it, and an interrupt means ``quit``.

        Raises:
            LimitError: It stands for a line that was too long.
        """
        if line == TOO_LONG:
            longest = self.limits.max_line_length
            raise LimitError("maxLineLength", f"a line can be at most {longest} bytes long")
        if line.startswith(INTERRUPTS):
            return QUIT, QUIT, b""
        line = line.lstrip(b" \t") or b" "
        word, _, rest = line.partition(b" ")
        if b"\t" in word:
            word, _, rest = line.partition(b"\t")
        return line, word, rest


def _unknown(name: str) -> UnknownActionError:
    return UnknownActionError(f"{shorten(name) or NO_ACTION} is not a known action.")


def _number(key: str, value: object) -> float:
    """The number that ``limit`` or ``offset`` was given as."""
    number = to_number(value)
    if number is None:
        raise ClientError(f"{key} must be a number")
    return number
