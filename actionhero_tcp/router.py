"""One line to one verb or one action, and its outcome to exactly one response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NoReturn

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
from .wire import NUMBERED

if TYPE_CHECKING:
    from .api import Api
    from .config import Limits
    from .outbox import Turn
    from .requestlog import RequestLog

INTERRUPTS: Final = (b"\x04", b"\xff\xf4\xff\xfd\x06")
"""What Ctrl-D and telnet's Ctrl-C send. At the start of a line each closes like ``quit``."""

NO_ACTION: Final = "{no action}"

TOO_LONG: Final = b"\n"
"""Stands for a line that was too long and has been skipped; no line holds a line end."""

_OPENING_BRACE: Final = ord("{")
_NO_PARAMS: Final = object()

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
        try:
            self.outcome.cancel()
        except Exception:
            _log.failure("the action {name} could not be cancelled", name=self.action.name)

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
        self._by_word = {name.encode(): action for name, action in api.actions.items()}
        self._verbs = verbs
        self._turn = turn
        self._limits = limits
        self._defaults = defaults
        self._server_error = server_error
        self._log = log

    def serve(self, connection: Connection, lines: Iterator[bytes]) -> None:
        """Answers lines, now or when their actions have ended.

        Args:
            connection: Who sent them.
            lines: The lines, without their ends; `TOO_LONG` for one that was skipped. What
                follows when the connection is halted stays in the iterator.
        """
        verbs, stats, log, outbox = self._verbs, self._stats, self._log, connection.outbox
        started = 0.0
        for line in lines:
            if not line:
                continue
            number = connection.requests = connection.requests + 1
            stats.requests += 1
            if log is not None:
                started = perf_counter()
            word, _, rest = line.partition(b" ")
            verb = verbs.get(word)
            if verb is None:
                self._serve_request(connection, number, line, word, rest, started)
            else:
                error = None
                try:
                    head = verb.answer(connection, rest.decode() if rest else "")
                    reply = NUMBERED % (head, number)
                except Exception as reason:
                    reply, error = self._refusal(reason, number)
                outbox.send(reply)
                if log is not None:
                    elapsed = perf_counter() - started
                    log.request(connection, number, verb.name, elapsed, error)
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
            if action is not None:
                name = action.name
                params = self._sticky_params(connection, name, rest)
                reply = self._run(connection, number, action, params, started)
            elif line[0] == _OPENING_BRACE:
                document: Any = wire.loads(line.decode(), self._limits.max_json_depth)
                name = _action_name(document)
                params = self._json_params(document)
                reply = self._run(connection, number, self._action(name), params, started)
            elif (verb := self._verbs.get(word)) is not None:
                name = verb.name
                reply = NUMBERED % (verb.answer(connection, rest.decode()), number)
            else:
                name = word.decode()
                reply = self._refuse_unknown(connection, name, rest)
        except Exception as reason:
            reply, error = self._refusal(reason, number)
        if reply is None:
            return
        if reply:
            connection.outbox.send(reply)
        if self._log is not None:
            self._log.request(connection, number, name, perf_counter() - started, error, params)

    def give_up(self, request: Request, error: str) -> None:
        """Ends a request that still runs with an error for its client."""
        if request in request.connection.pending:
            request.cancel()
            self._answer(request, wire.error(error, request.number), error)

    def _json_params(self, document: dict[str, Any]) -> dict[str, Any]:
        """The params of a request in JSON."""
        params = document.get("params", _NO_PARAMS)
        if params is _NO_PARAMS:
            params = {}
        elif type(params) is not dict:
            raise ClientError('"params" must be an object')
        if "limit" in params or "offset" in params:
            self._set_defaults(params)
        else:
            params.update(self._defaults)
        found: dict[str, Any] = params
        return found

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
            limits = self._limits
            with suppress(ClientError):
                connection.set_param("action", name, limits.max_params, limits.max_param_bytes)
                self._set_defaults(connection.params)
        raise _unknown(name)

    def _set_defaults(self, params: dict[str, Any]) -> None:
        """Sets ``limit`` and ``offset`` where they are not set, and makes numbers of texts."""
        for key, default in self._defaults.items():
            value = params.get(key)
            params[key] = default if value is None else _number(key, value)

    def _look_closer(self, line: bytes) -> tuple[bytes, bytes, bytes]:
        """A line that does not begin with a known word: as it was meant, its first word, the rest.

        There may be blanks before the word and a tab behind it, and an interrupt means ``quit``.

        Raises:
            ClientError: It stands for a line that was too long.
        """
        if line == TOO_LONG:
            raise ClientError(f"a line can be at most {self._limits.max_line_length} bytes long")
        if line.startswith(INTERRUPTS):
            return QUIT, QUIT, b""
        line = line.lstrip(b" \t") or b" "
        word, _, rest = line.partition(b" ")
        if b"\t" in word:
            word, _, rest = line.partition(b"\t")
        return line, word, rest

    def _action(self, name: str) -> Action:
        action = self._actions.get(name)
        if action is None:
            raise _unknown(name)
        return action

    def _run(
        self,
        connection: Connection,
        number: int,
        action: Action,
        params: dict[str, Any],
        started: float,
    ) -> bytes | None:
        """Runs an action.

        Returns:
            The response; empty where the action answers by itself; None where it still runs.

        Raises:
            ClientError: What the client gets instead.
        """
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

    def _refusal(self, reason: Exception, number: int) -> tuple[bytes, str]:
        """The response to a request that failed, and the error in it."""
        if isinstance(reason, UnicodeDecodeError):
            reason = ClientError("the line is not UTF-8")
        elif not isinstance(reason, ClientError):
            _log.failure("a request could not be handled")
            reason = ClientError(self._server_error)
        try:
            return wire.error(reason.text, number, reason.fields), reason.text
        except UnserializableError as error:
            _log.error(
                "the fields of an ActionError are no JSON: {reason}", reason=printable(str(error))
            )
            return wire.error(reason.text, number), reason.text

    def _wait(self, request: Request) -> None:
        connection = request.connection
        connection.pending.add(request)
        if len(connection.pending) >= self._limits.max_pending_actions:
            connection.halted = True
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
            reply, error = self._refusal(refusal, request.number)
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


def _action_name(document: dict[str, Any]) -> str:
    """The name of the action that a request in JSON is for."""
    name = document.get("action", "")
    if type(name) is not str:
        raise ClientError('"action" must be a string, the name of an action')
    return name


def _unknown(name: str) -> ClientError:
    return ClientError(f"{shorten(name) or NO_ACTION} is not a known action.")


def _number(key: str, value: object) -> float:
    """The number that ``limit`` or ``offset`` was given as."""
    number = to_number(value)
    if number is None:
        raise ClientError(f"{key} must be a number")
    return number
