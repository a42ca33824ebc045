"""``/livez`` and ``/readyz``: whether the process lives, and whether to send it clients."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.resource import Resource
from twisted.web.server import Request

from .site import as_json

Reasons = Callable[[], list[str]]
"""Says why the server is not ready; an empty list where it is."""


class Liveness(Resource):
    """Answers 200 as long as the reactor runs: a process that is stuck answers nothing."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        """Answers one line of text."""
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        return b"alive\n"


class Readiness(Resource):
    """Answers 200 where the server takes clients, else 503 with the reasons.

    The body is ``{"ready":true,"reasons":[]}``.

    Args:
        reasons: Says why it is not ready.
    """

    isLeaf = True

    def __init__(self, reasons: Reasons) -> None:
        super().__init__()
        self._reasons = reasons

    def render_GET(self, request: Request) -> bytes:
        """Answers a JSON object."""
        reasons = self._reasons()
        if reasons:
            request.setResponseCode(503)
        return as_json(request, {"ready": not reasons, "reasons": reasons})
