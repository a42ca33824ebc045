"""One line to one verb or one action, and its outcome to exactly one response."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from . import wire
from .actions import NO_RESPONSE, Action
from .clock import Timer, stop
from .commands import QUIT, Verb
from .connection import ActionConnection, Connection
from .errors import ClientError, UnserializableError, printable, printable_lines, shorten
from .inputs import number as to_number

if TYPE_CHECKING:
    from .api import Api
    from .config import Limits
    from .outbox import Turn
    from .requestlog import RequestLog

INTERRUPTS: Final = (b"\x04", b"\xff\xf4\xff\xfd\x06")
"""What Ctrl-D and telnet's Ctrl-C send. At the start of a line each closes like ``quit``."""

NO_ACTION: Final = "{no action}"

_BLANK: Final = ord(" ")
_LAST_BYTE: Final = 0xFF
_OPENING_BRACE: Final = ord("{")

_log = Logger()


class Request:
    """A request whose action still runs.

    Attributes:
        connection: Who asked.
        number: The request's number, which its response carries.
        action: What runs.
        params: With what.
        started: When it arrived, on `time.perf_counter`.
        outcome: What the action will return.
        timer: Ends it when its time is up.
    """

    __slots__ = ("action", "connection", "number", "outcome", "params", "started", "timer")

    def __init__(
        self,
        connection: Connection,
        number: int,
        action: Action,
        params: dict[str, Any],
        started: float,
        outcome: Deferred[Any],
    ) -> None:
        self.connection = connection
        self.number = number
        self.action = action
        self.params = params
        self.started = started
        self.outcome = outcome
        self.timer: Timer | None = None

    def cancel(self) -> None:
        """Ends the action; its client hears nothing more of it."""
        self.end()
        self.outcome.cancel()

    def end(self) -> None:
        """Takes the request off its connection's list of those that run."""
        self.connection.pending.discard(self)
        stop(self.timer)


class Router:
    """Answers lines.

    Args:
        api: The server's face to actions.
        verbs: The verbs, by their words.
        turn: The turn that an answer which comes later is part of.
        limits: What one client may use.
        defaults: ``limit`` and ``offset`` of requests that do not set them.
        server_error: What a client hears of an error that is none of its business.
        log: The request log, or None.
    """

    def __init__(
        self,
        api: Api,
        verbs: Mapping[bytes, Verb],
        turn: Turn,
        limits: Limits,
        defaults: Mapping[str, int],
        server_error: str,
        log: RequestLog | None = None,
    ) -> None:
        self._api = api
        self._stats = api.stats
        self._actions = api.actions
        self._verbs = verbs
        self._turn = turn
        self._limits = limits
        self._defaults = defaults
        self._server_error = server_error
        self._log = log

    def serve(self, connection: Connection, line: bytes) -> None:
        """Answers one line, now or when its action has ended.

        Args:
            connection: Who sent it.
            line: The line without its end; not empty.
        """
        number = connection.requests = connection.requests + 1
        self._stats.requests += 1
        started = perf_counter() if self._log is not None else 0.0
        name = ""
        params: dict[str, Any] | None = None
        error = None
        try:
            if not _BLANK < line[0] < _LAST_BYTE:
                line = _normalized(line)
            if line[0] == _OPENING_BRACE:
                name, params = self._read_json(line)
                reply = self._run(connection, number, name, params, started)
            else:
                word, _, rest = line.partition(b" ")
                verb = self._verbs.get(word)
                if verb is None and b"\t" in word:
                    word, rest = _split_at_tab(line)
                    verb = self._verbs.get(word)
                if verb is not None:
                    name = verb.name
                    head = verb.answer(connection, rest.decode() if rest else "")
                    reply = wire.numbered(head, number)
                else:
                    name, params = self._read_word(connection, word, rest)
                    reply = self._run(connection, number, name, params, started)
        except ClientError as refusal:
            error = refusal.text
            reply = self._refusal(refusal, number)
        except UnicodeDecodeError:
            error = "the line is not UTF-8"
            reply = wire.error(error, number)
        except Exception:
            error = self._server_error
            reply = wire.error(error, number)
            _log.failure("a request could not be handled")
        if reply is None:
            return
        if reply:
            connection.outbox.send(reply)
        if self._log is not None:
            self._log.request(connection, number, name, perf_counter() - started, error, params)

    def refuse(self, connection: Connection, error: str) -> None:
        """Answers a line that could not even be taken in, such as one that is too long."""
        number = connection.requests = connection.requests + 1
        self._stats.requests += 1
        connection.outbox.send(wire.error(error, number))
        if self._log is not None:
            self._log.request(connection, number, "", 0.0, error)

    def give_up(self, request: Request, error: str) -> None:
        """Ends a request that still runs with an error for its client."""
        if request in request.connection.pending:
            request.end()
            self._answer(request, wire.error(error, request.number), error)
            request.outcome.cancel()

    def _read_json(self, line: bytes) -> tuple[str, dict[str, Any]]:
        """The action's name and the params of a request in JSON."""
        document = wire.loads(line.decode(), self._limits.max_json_depth)
        assert isinstance(document, dict)
        name = document.get("action", "")
        if type(name) is not str:
            raise ClientError('"action" must be a string, the name of an action')
        params = document.get("params")
        if params is None and "params" not in document:
            params = {}
        if type(params) is not dict:
            raise ClientError('"params" must be an object')
        for key, default in self._defaults.items():
            value = params.get(key)
            params[key] = default if value is None else _number(key, value)
        return name, params

    def _read_word(
        self, connection: Connection, word: bytes, rest: bytes
    ) -> tuple[str, dict[str, Any]]:
        """The action's name and the sticky params as they stand now, which the request changes."""
        name = word.decode()
        if rest:
            rest.decode()
        params = connection.params
        if params.get("action") != name:
            limits = self._limits
            connection.set_param("action", name, limits.max_params, limits.max_param_bytes)
        for key, default in self._defaults.items():
            value = params.get(key)
            if type(value) is not int:
                number = default if value is None else _number(key, value)
                connection.set_number(key, number)
        return name, params.copy()

    def _run(
        self,
        connection: Connection,
        number: int,
        name: str,
        params: dict[str, Any],
        started: float,
    ) -> bytes | None:
        """Runs an action.

        Returns:
            The response; empty where the action answers by itself; None where it still runs.

        Raises:
            ClientError: What the client gets instead.
        """
        action = self._actions.get(name)
        if action is None:
            raise ClientError(f"{shorten(name) or NO_ACTION} is not a known action.")
        try:
            outcome = action.start(self._api, ActionConnection(connection, params))
        except ClientError:
            raise
        except BaseException:
            raise self._failed(action, Failure()) from None
        if type(outcome) is not dict and isinstance(outcome, Deferred):
            self._wait(Request(connection, number, action, params, started, outcome))
            return None
        return self._response(action, outcome, number)

    def _response(self, action: Action, outcome: object, number: int) -> bytes:
        if outcome is NO_RESPONSE:
            return b""
        try:
            return wire.result(outcome, number)
        except UnserializableError as error:
            _log.error(
                "the action {name} ({place}) did not return a JSON object: {reason}",
                name=action.name,
                place=action.place,
                reason=printable(str(error)),
            )
            raise ClientError(self._server_error) from None

    def _failed(self, action: Action, failure: Failure) -> ClientError:
        """Logs what an action raised, and gives the error that its client gets."""
        _log.error(
            "the action {name} ({place}) failed:\n{traceback}",
            name=action.name,
            place=action.place,
            traceback=printable_lines(failure.getTraceback()),
        )
        return ClientError(self._server_error)

    def _refusal(self, refusal: ClientError, number: int) -> bytes:
        try:
            return wire.error(refusal.text, number, refusal.fields)
        except UnserializableError as error:
            _log.error("the fields of an error are no JSON: {reason}", reason=str(error))
            return wire.error(refusal.text, number)

    def _wait(self, request: Request) -> None:
        request.connection.pending.add(request)
        limit = self._limits.action_timeout
        request.timer = self._api.reactor.callLater(
            limit,
            self.give_up,
            request,
            f"{request.action.name} did not finish within {limit:g} seconds",
        )
        request.outcome.addBoth(self._settle, request)
        request.outcome.addErrback(lambda f: _log.failure("a response was lost", failure=f))

    def _settle(self, outcome: object, request: Request) -> None:
        """The action of a request has ended."""
        if request not in request.connection.pending:
            return
        request.end()
        error = None
        try:
            if isinstance(outcome, Failure):
                if not isinstance(outcome.value, ClientError):
                    raise self._failed(request.action, outcome)
                raise outcome.value
            reply = self._response(request.action, outcome, request.number)
        except ClientError as refusal:
            error = refusal.text
            reply = self._refusal(refusal, request.number)
        self._answer(request, reply, error)

    def _answer(self, request: Request, reply: bytes, error: str | None) -> None:
        """Sends the response of a request that did not end in the turn in which it came."""
        connection = request.connection
        with self._turn:
            if reply:
                connection.outbox.send(reply)
            connection.owner.settled()
        if self._log is not None:
            elapsed = perf_counter() - request.started
            self._log.request(
                connection, request.number, request.action.name, elapsed, error, request.params
            )


def _normalized(line: bytes) -> bytes:
    """A line without the blanks before its first word; an interrupt stands for ``quit``."""
    if line.startswith(INTERRUPTS):
        return QUIT
    line = line.lstrip(b" \t")
    if not line:
        raise ClientError(f"{NO_ACTION} is not a known action.")
    return line


def _split_at_tab(line: bytes) -> tuple[bytes, bytes]:
    word, _, rest = line.partition(b"\t")
    return word, rest


def _number(key: str, value: object) -> float:
    """The number that ``limit`` or ``offset`` was given as."""
    number = to_number(value)
    if number is None:
        raise ClientError(f"{key} must be a number")
    return number
