"""``/livez`` and ``/readyz``: whether the process lives, and whether to send it clients."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.server import Request

from .resources import Leaf, WebResource, as_json, as_text

Reasons = Callable[[], list[str]]
"""Says why the server is not ready; an empty list where it is."""


class Liveness(Leaf):
    """Answers 200 as long as the reactor runs: a process that is stuck answers nothing."""

    def render_GET(self, request: Request) -> bytes:
        """Answers one line of text."""
        return as_text(request, b"alive\n")


class Readiness(Leaf):
    """Answers 200 where the server takes clients, else 503 with the reasons.

    The body is ``{"ready":true,"reasons":[]}``.

    Args:
        reasons: Says why it is not ready.
    """

    def __init__(self, reasons: Reasons) -> None:
        super().__init__()
        self._reasons = reasons

    def render_GET(self, request: Request) -> bytes:
        """Answers a JSON object."""
        return ready_answer(request, self._reasons())


def ready_answer(request: Request, reasons: list[str]) -> bytes:
    """Returns the body of ``/readyz``, and sets its status.

    Args:
        request: The request.
        reasons: Why the server is not ready; empty where it is.
    """
    if reasons:
        request.setResponseCode(503)
    return as_json(request, {"ready": not reasons, "reasons": reasons})


def health_tree(reasons: Reasons) -> WebResource:
    """Returns the health of a process.

    Args:
        reasons: Says why it is not ready.
    """
    tree = WebResource()
    tree.add("livez", Liveness())
    tree.add("readyz", Readiness(reasons))
    return tree
