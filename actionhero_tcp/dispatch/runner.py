"""One action's run: from its start to exactly one response."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..app.outputs import NO_RESPONSE
from ..connection.connection import ActionConnection, Connection
from ..errors import (
    CacheError,
    ClientError,
    LimitError,
    UnserializableError,
    printable,
    printable_lines,
)
from ..wire import json_lines
from .request import Request, Runnable

if TYPE_CHECKING:
    from ..app.api import Api
    from ..config.sections import Limits
    from ..connection.write_batch import WriteBatch
    from ..logs.param_filter import ParamFilter
    from ..logs.request_log import RequestLog

_log = Logger()


class Runner:
    """Runs actions.

    Args:
        api: The server's face to actions.
        turn: The turn that an answer which comes later is part of.
        limits: What one client may use.
        server_error: What a client hears of an error that is none of its business.
        filter: Hides the values of some params in tracebacks.
        log: The request log, or None.

    Attributes:
        limits: The limits; a reload may replace them, and
        server_error: this text.
    """

    def __init__(
        self,
        api: Api,
        write_batch: WriteBatch,
        limits: Limits,
        server_error: str,
        filter: ParamFilter,
        log: RequestLog | None = None,
    ) -> None:
        self._api = api
        self._write_batch = write_batch
        self.limits = limits
        self.server_error = server_error
        self._filter = filter
        self._log = log

    def run(
        self,
        connection: Connection,
        number: int,
        action: Runnable,
        params: dict[str, Any],
        started: float,
    ) -> bytes | None:
        """Runs an action.

        Returns:
            The response; empty where the action answers by itself; None where it still runs.

        Raises:
            ClientError: What the client gets instead.
        """
        face = ActionConnection(connection, params)
        try:
            outcome = action.start(self._api, face)
        except ClientError:
            raise
        except BaseException:
            raise self._failed(action, Failure(), params) from None
        try:
            if type(outcome) is dict:
                return json_lines.result(outcome, number)
        except UnserializableError as error:
            raise self._no_json(action, error) from None
        if isinstance(outcome, Deferred):
            request = Request(connection, number, action, params, started, outcome, self)
            if action.sends_file:
                face._place = request.place = connection.outbox.hold()
            self._wait(request)
            return None
        return self._response(action, outcome, number)

    def _response(self, action: Runnable, outcome: object, number: int) -> bytes:
        if outcome is NO_RESPONSE:
            return b""
        if type(outcome) is json_lines.Head:
            return json_lines.NUMBERED % (outcome, number)
        try:
            return json_lines.result(outcome, number)
        except UnserializableError as error:
            raise self._no_json(action, error) from None

    def _no_json(self, action: Runnable, error: UnserializableError) -> ClientError:
        """Logs what an action returned, and gives the error that its client gets."""
        _log.error(
            "the action {name} ({place}) did not return a JSON object: {reason}",
            name=action.name,
            place=action.place,
            reason=printable(str(error)),
        )
        return ClientError(self.server_error)

    def _failed(self, action: Runnable, failure: Failure, params: dict[str, Any]) -> ClientError:
        """Logs what an action raised, and gives the error that its client gets."""
        if isinstance(failure.value, CacheError):
            # It happens in every action that uses the cache, and is no bug of any.
            trouble = " " + printable(str(failure.value))
        else:
            trouble = "\n" + printable_lines(self._filter.text(failure.getTraceback(), params))
        _log.error(
            "the {kind} {name} ({place}) failed:{trouble}",
            kind=action.kind,
            name=action.name,
            place=action.place,
            trouble=trouble,
        )
        return ClientError(self.server_error)

    def refusal(self, reason: Exception, number: int) -> tuple[bytes, str]:
        """The response to a request that failed, and the error in it."""
        if isinstance(reason, UnicodeDecodeError):
            reason = ClientError("the line is not UTF-8")
        elif isinstance(reason, LimitError):
            self._api.stats.limited[reason.limit] += 1
        elif not isinstance(reason, ClientError):
            _log.failure("a request could not be handled")
            reason = ClientError(self.server_error)
        try:
            text = str(reason.text or reason)
            return json_lines.error(text, number, reason.fields), text
        except Exception as error:
            # An application's own kind of ActionError may hold anything.
            text = self._plain_text(reason)
            _log.error(
                "an ActionError cannot be told to its client as it is: {reason}",
                reason=printable(str(error)),
            )
            return json_lines.error(text, number), text

    def _plain_text(self, reason: ClientError) -> str:
        """The text that an error has been given, if it is one."""
        text = vars(reason).get("text")
        return text if text and type(text) is str else self.server_error

    def _wait(self, request: Request) -> None:
        connection = request.connection
        connection.pending.add(request)
        if request.action.in_order:
            connection.halted = True
            connection.waits_for = request
        if len(connection.pending) >= self.limits.max_pending_actions:
            connection.halted = True
            self._api.stats.limited["maxPendingActions"] += 1
        limit = self.limits.action_timeout
        request.timer = self._api.reactor.callLater(
            limit,
            self._time_out,
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
                    raise self._failed(request.action, outcome, request.params)
                raise outcome.value
            reply = self._response(request.action, outcome, request.number)
        except ClientError as refusal:
            reply, error = self.refusal(refusal, request.number)
        self._answer(request, reply, error)

    def _answer(self, request: Request, reply: bytes, error: str | None) -> None:
        """Sends the response of a request that did not end in the turn in which it came."""
        connection = request.connection
        place = request.place
        with self._write_batch:
            if place is not None and place.is_free:
                place.take(reply)
            elif reply:
                connection.outbox.send(reply)
            connection.owner.action_done()
        if self._log is not None:
            self._log.request(
                connection,
                request.number,
                request.action.name,
                request.started,
                monotonic(),
                error,
                request.params,
            )

    def _time_out(self, request: Request, error: str) -> None:
        self._api.stats.limited["actionTimeout"] += 1
        self.give_up(request, error)

    def give_up(self, request: Request, error: str) -> None:
        """Ends a request that still runs with an error for its client."""
        if request in request.connection.pending:
            request.cancel()
            self._answer(request, json_lines.error(error, request.number), error)
