"""The kinds of resources that the web port is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

_log = Logger()


class WebResource(Resource):
    """A resource whose constructor has types."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def add(self, name: str, child: WebResource) -> None:
        """Adds a resource below this one."""
        self.putChild(name.encode(), child)  # type: ignore[arg-type]


class Leaf(WebResource):
    """A resource that takes the rest of the path."""

    isLeaf = True


class Refusal(Leaf):
    """An answer of one line of text.

    Args:
        status: The HTTP status.
        text: What is wrong, and what is expected.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__()
        self._status = status
        self._text = text

    def render(self, request: Request) -> bytes:
        """Answers any method."""
        request.setResponseCode(self._status)
        return as_text(request, f"{self._text}\n".encode())


class TextFile(Leaf):
    """A text that the package ships.

    Args:
        content: The text, as UTF-8.
        kind: Its media type, without the charset.
    """

    def __init__(self, content: bytes, kind: str) -> None:
        super().__init__()
        self._content = content
        self._kind = kind

    def render_GET(self, request: Request) -> bytes:
        """Answers the text."""
        return as_text(request, self._content, self._kind)


class JSONResource(Leaf):
    """Answers GET with what a function returns, as JSON.

    Args:
        make: Gets the arguments of the request's address, the last value of each.
    """

    def __init__(self, make: Callable[[Mapping[str, str]], object]) -> None:
        super().__init__()
        self._make = make

    def render_GET(self, request: Request) -> bytes:
        """Answers; a ValueError of the function is the client's fault."""
        arguments = {
            name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace")
            for name, values in (request.args or {}).items()
        }
        try:
            answer = self._make(arguments)
        except ValueError as error:
            return Refusal(400, str(error)).render(request)
        return as_json(request, answer)


def as_text(request: Request, body: bytes, kind: str = "text/plain") -> bytes:
    """Returns a body of text, and sets its type."""
    request.setHeader("Content-Type", f"{kind}; charset=utf-8")
    return body


def as_json(request: Request, answer: object) -> bytes:
    """Returns a JSON body, and sets its type."""
    request.setHeader("Content-Type", "application/json")
    return json.dumps(answer, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def answer_later(request: Request, body: Deferred[bytes]) -> int:
    """Answers a request once its body is known; what a ``render_…`` method may return.

    Args:
        request: The request.
        body: Its body, or a failure, which is logged and answered with status 500.
    """
    gone = request.notifyFinish()
    gone.addErrback(lambda _: None)

    def failed(failure: Failure) -> bytes:
        _log.failure("a request to the web port failed", failure=failure)
        return Refusal(500, "internal error; the server's log has it").render(request)

    def finish(content: bytes) -> None:
        if not gone.called:
            request.setHeader("Content-Length", str(len(content)))
            request.write(content)
            request.finish()

    body.addErrback(failed)
    body.addCallback(finish)
    return NOT_DONE_YET


def last_argument(request: Request, name: str) -> str:
    """Returns the last value of an argument of the request's address; "" where there is none."""
    values: list[bytes] = (request.args or {}).get(name.encode(), [b""])
    return values[-1].decode("utf-8", "replace")


def render_below(resource: WebResource, request: Request) -> Any:
    """Renders the resource that the rest of the request's path leads to."""
    found: Any = resource
    while request.postpath and not found.isLeaf:
        segment = request.postpath.pop(0)
        found = found.getChildWithDefault(segment, request)
    return found.render(request)
