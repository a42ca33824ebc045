"""What runs for one request: from its start to exactly one response."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..app.file_response import FileResponse, prepare
from ..app.outputs import NO_RESPONSE
from ..connection.connection import Connection, answer_in_parts, reserve_slot
from ..connection.state import ReadHold
from ..errors import (
    CacheError,
    ClientError,
    LimitError,
    UnserializableError,
    printable,
)
from ..logs.failures import log_failure
from .parts import Parts
from .time_limits import TimeLimits

if TYPE_CHECKING:
    from ..app.api import Api
    from ..app.runnable import Runnable
    from ..connection.write_batch import WriteBatch
    from ..logs.param_filter import ParamFilter
    from ..logs.request_counter import RequestObserver
    from .dialect import Dialect
    from .request import Request

_log = Logger()


class Runner:
    """Runs actions and verbs with hooks, and answers requests.

    Args:
        dialect: Writes the responses.
        api: The server's face to actions.
        write_batch: The batch that an answer which comes later is part of.
        filter: Hides the values of some params in tracebacks.
        log: Gets each request that is answered; or None.
    """

    def __init__(
        self,
        dialect: Dialect,
        api: Api,
        write_batch: WriteBatch,
        filter: ParamFilter,
        log: RequestObserver | None = None,
    ) -> None:
        self._dialect = dialect
        self._api = api
        self._write_batch = write_batch
        self._filter = filter
        self._log = log
        self._time_limits = TimeLimits(api.reactor, self._time_out)

    def close(self) -> None:
        """Stop the timer; nothing runs any more."""
        self._time_limits.close()

    def run(self, request: Request, runnable: Runnable, line: bytes) -> bytes | None:
        """Runs an action, or a verb with hooks.

        Args:
            request: The request for it.
            runnable: The function.
            line: The line that asks for it.

        Returns:
            The response; empty where the action answers by itself; None where it still runs.

        Raises:
            ClientError: The client's answer instead.
        """
        params = request.params
        if params is None:
            params = request.connection.params.copy()
        face = Connection(request.connection, params)
        if runnable.streams:
            request.parts = Parts(request, runnable, self)
            answer_in_parts(face, request.parts)
        try:
            outcome = runnable.start(self._api, face)
        except ClientError:
            raise
        except BaseException:
            raise self._failed(runnable, Failure(), face.params) from None
        if type(outcome) is dict:
            try:
                return self._dialect.result(request, outcome)
            except UnserializableError as error:
                raise self._not_json(runnable, error) from None
        if type(outcome) is FileResponse:
            outcome = prepare(outcome, self._api, face.id)
        if isinstance(outcome, Deferred):
            if runnable.sends_file:
                request.slot = request.connection.outbox.hold()
                reserve_slot(face, request.slot)
            self._wait(request, runnable, outcome)
            request.charge(line)
            return None
        return self._response(request, runnable, outcome)

    def refusal(self, request: Request, reason: Exception) -> bytes:
        """The response to a request that failed.

        Args:
            request: The request, which learns the error that is in the response.
            reason: Why it failed.
        """
        if isinstance(reason, UnicodeDecodeError):
            reason = ClientError("the line is not UTF-8")
        elif isinstance(reason, LimitError):
            self._api.stats.limited[reason.limit] += 1
        elif not isinstance(reason, ClientError):
            _log.failure("a request could not be handled")
            reason = ClientError(self._server_error)
        try:
            request.error = str(reason.text or reason)
            return self._dialect.error(request, request.error, reason.fields)
        except Exception as error:
            # An application's own kind of ActionError may hold anything.
            request.error = self._plain_text(reason)
            _log.error(
                "an ActionError cannot be told to its client as it is: {reason}",
                reason=printable(str(error)),
            )
            return self._dialect.error(request, request.error, {})

    def give_up(self, request: Request, error: str) -> None:
        """Ends a request that still runs with an error for its client."""
        if request.is_pending:
            request.cancel()
            self._answer(request, self.refusal(request, ClientError(error)))

    # For `Parts`

    def part(self, request: Request, runnable: Runnable, part: object) -> bytes:
        """See `parts.PartWriter.part`."""
        try:
            return self._dialect.part(request, part)
        except UnserializableError as error:
            raise self._not_json(runnable, error) from None

    def later(self, call: Callable[[], None]) -> None:
        """See `parts.PartWriter.later`."""
        self._write_batch.later(call)

    def renew(self, request: Request) -> None:
        """See `parts.PartWriter.renew`."""
        if request.time_limit is not None:
            self._time_limits.begin(request, self._api.config.limits.action_timeout)

    @property
    def _server_error(self) -> str:
        return self._api.config.general.server_error_message

    def _response(self, request: Request, runnable: Runnable, outcome: object) -> bytes:
        if outcome is NO_RESPONSE:
            return b""
        if type(outcome) is FileResponse:
            return self._send_file(request, outcome)
        try:
            return self._dialect.result(request, outcome)
        except UnserializableError as error:
            raise self._not_json(runnable, error) from None

    def _send_file(self, request: Request, response: FileResponse) -> bytes:
        """Sends a file in the place of the response."""
        header = self._dialect.part(request, response.fields, "file") if response.header else b""
        slot, outbox = request.slot, request.connection.outbox
        if slot is not None and slot.is_free:
            slot.take(response.reader, header)
        else:
            if header:
                outbox.send(header)
            outbox.send_file(response.reader)
        return b""

    def _not_json(self, runnable: Runnable, error: UnserializableError) -> ClientError:
        """Logs what was returned, and gives the error that the client gets."""
        _log.error(
            "the action {name} ({place}) did not return a JSON object: {reason}",
            name=runnable.name,
            place=runnable.place,
            reason=printable(str(error)),
        )
        return ClientError(self._server_error)

    def _failed(self, runnable: Runnable, failure: Failure, params: dict[str, Any]) -> ClientError:
        """Logs what was raised, and gives the error that the client gets."""
        what = {"kind": runnable.kind, "name": runnable.name, "place": runnable.place}
        text = "the {kind} {name} ({place}) failed"
        if isinstance(failure.value, CacheError):
            # It happens in every action that uses the cache, and is no bug of any.
            _log.error(text + ": {reason}", reason=printable(str(failure.value)), **what)
        else:
            shown = self._filter.text(failure.getTraceback(), params)
            log_failure(_log, text, failure, shown, **what)
        return ClientError(self._server_error)

    def _plain_text(self, reason: ClientError) -> str:
        """The text that an error has been given, if it is one."""
        text = vars(reason).get("text")
        return text if text and type(text) is str else self._server_error

    def _wait(self, request: Request, runnable: Runnable, outcome: Deferred[Any]) -> None:
        """Has a request answered when what runs for it has ended, or its time is up."""
        connection = request.connection
        request.wait(outcome, self)
        if runnable.in_order:
            connection.hold(ReadHold.ORDER)
            connection.waits_for = request
        if len(connection.pending) >= self._dialect.most_pending():
            connection.hold(ReadHold.PENDING)
            self._api.stats.limited["maxPendingActions"] += 1
        self._time_limits.begin(request, self._api.config.limits.action_timeout)
        outcome.addCallback(self._prepared, request)
        outcome.addBoth(self._ended, request, runnable)
        outcome.addErrback(lambda f: _log.failure("a response was lost", failure=f))

    def _prepared(self, outcome: Any, request: Request) -> Any:
        if type(outcome) is not FileResponse:
            return outcome
        return prepare(outcome, self._api, request.connection.id)

    def _ended(self, outcome: object, request: Request, runnable: Runnable) -> None:
        """Handles the end of a request."""
        if not request.is_pending:
            return
        request.end()
        try:
            if isinstance(outcome, Failure):
                if not isinstance(outcome.value, ClientError):
                    raise self._failed(runnable, outcome, request.read_params())
                raise outcome.value
            response = self._response(request, runnable, outcome)
        except ClientError as reason:
            response = self.refusal(request, reason)
        self._answer(request, response)

    def _answer(self, request: Request, response: bytes) -> None:
        """Answers a request that did not end while its line was served."""
        connection, slot = request.connection, request.slot
        if len(connection.pending) < self._dialect.most_pending():
            connection.release(ReadHold.PENDING)
        with self._write_batch.late:
            if slot is not None and slot.is_free:
                slot.take(response)
            elif response:
                connection.outbox.send(response)
            if self._log is not None:
                logged = self._log.request(
                    request.name, request.started, request.error, request.params
                )
                now = logged[2]
                self._log.answered(connection, request.number, (logged,), now, now)
            connection.owner.action_done()

    def _time_out(self, request: Request, seconds: float) -> None:
        if request.parts is not None and request.parts.is_held:
            # The write timeout is what counts while the client has to take something.
            self._time_limits.begin(request, self._api.config.limits.action_timeout)
            return
        self._api.stats.limited["actionTimeout"] += 1
        self.give_up(request, f"{request.name} did not finish within {seconds:g} seconds")
