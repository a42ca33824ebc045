"""A span of OpenTelemetry for each action, where `general.tracing` asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..errors import ClientError, StartError
from .runnable import Wrapper

if TYPE_CHECKING:
    from ..connection.connection import Connection
    from .runnable import Runnable

NAME: Final = "actionhero_tcp"
"""The name of the instrumentation, and of the protocol in spans."""

TRACE_PARAMS: Final = ("traceparent", "tracestate")
"""Params with the context of the caller's span, in the form of W3C Trace Context."""

MAX_CONTEXT_LENGTH: Final = 512
"""Longer values of these params are ignored, as that form allows."""


def traced(action: Runnable) -> Runnable:
    """Returns an action that makes spans.

    Raises:
        StartError: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry import propagate, trace
    except ImportError:
        raise StartError(
            "general.tracing is set, but opentelemetry is not installed: "
            "pip install 'actionhero-tcp[otel]'"
        ) from None
    return TracedAction(action, trace, propagate)


class TracedAction(Wrapper):
    """An action with a span for each call; see `runnable.Runnable`.

    Args:
        inner: The action, or what wraps it.
        trace: The module ``opentelemetry.trace``.
        propagate: The module ``opentelemetry.propagate``.
    """

    def __init__(self, inner: Runnable, trace: Any, propagate: Any) -> None:
        super().__init__(inner)
        self._trace = trace
        self._propagate = propagate
        self._tracer = trace.get_tracer(NAME)

    def start(self, api: Any, connection: Connection) -> Any:
        """Run it in a span; see `runnable.Runnable.start`."""
        trace = self._trace
        span = self._tracer.start_span(
            self.name, context=self._context(connection), kind=trace.SpanKind.SERVER
        )
        if not span.is_recording():
            span.end()
            return self._inner.start(api, connection)
        span.set_attributes(_attributes(self.name, connection))
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                outcome = self._inner.start(api, connection)
        except BaseException as error:
            self._end(span, error)
            raise
        if isinstance(outcome, Deferred):
            return outcome.addBoth(self._ended, span)
        self._end(span, None)
        return outcome

    def _context(self, connection: Connection) -> Any:
        """The context of the caller's span; None where it has sent none that is right."""
        params = connection.params
        carrier = {
            name: params[name]
            for name in TRACE_PARAMS
            if isinstance(params.get(name), str) and len(params[name]) <= MAX_CONTEXT_LENGTH
        }
        return self._propagate.extract(carrier) if carrier else None

    def _ended(self, outcome: Any, span: Any) -> Any:
        self._end(span, outcome.value if isinstance(outcome, Failure) else None)
        return outcome

    def _end(self, span: Any, error: BaseException | None) -> None:
        if error is not None:
            span.set_attribute("error.type", type(error).__qualname__)
            # An error for the client is not a failure of the server.
            if not isinstance(error, ClientError):
                span.record_exception(error)
                span.set_status(self._trace.StatusCode.ERROR)
        span.end()


def _attributes(name: str, connection: Connection) -> dict[str, str]:
    """Return the attributes of a span, by the semantic conventions for remote procedure calls."""
    host = connection.remote_address.rpartition(":")[0].strip("[]")
    return {
        "rpc.system.name": NAME,
        "rpc.method": name,
        "client.address": host or connection.remote_address,
        "network.transport": "unix" if host in ("", "unix") else "tcp",
    }
