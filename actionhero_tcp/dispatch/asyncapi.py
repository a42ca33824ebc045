"""The protocol of a server, as an AsyncAPI 3 document.

It is for people who write a client in another language: every action and verb is an operation,
and every line that the server may send a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..app.schema import Schema

if TYPE_CHECKING:
    from ..app.actions import Action
    from .verb import Verb

VERSION: Final = "3.0.0"

CHANNEL: Final = "connection"

_LINES: Final = (
    "A TCP connection. A client sends lines of UTF-8 that end in a line feed: a verb, the name of "
    "an action, or a request in JSON. The server sends one JSON object a line, which ends in "
    "carriage return and line feed. Each line of a client is a request. The server counts them "
    "from 1 for each connection, and each response holds its request's number as `messageCount`. "
    "Responses may come in another order than their requests."
)

_NUMBER: Final = {"type": "integer", "minimum": 1, "description": "the number of the request"}
_TIME: Final = {"type": "integer", "description": "ms since 1970"}
_TEXT: Final = {"type": "string"}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is, and what it is called.

    Attributes:
        title: Its name.
        version: The version of its protocol's document.
        host: Its host and port.
        is_secure: Whether it speaks TLS.
    """

    title: str
    version: str
    host: str
    is_secure: bool


def _object(required: Iterable[str], **properties: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": properties}


def _response(**properties: Schema) -> Schema:
    """The schema of a response with these fields."""
    return _object(
        ("context", *properties, "messageCount"),
        context={"const": "response"},
        **properties,
        messageCount=_NUMBER,
    )


def _part() -> Schema:
    """The schema of a part of an answer."""
    return _object(("context", "messageCount"), context={"const": "stream"}, messageCount=_NUMBER)


_FROM_SERVER: Final[dict[str, tuple[str, Schema]]] = {
    "welcome": (
        "The first line that a client gets.",
        _object(
            ("welcome", "room", "context", "messageCount"),
            welcome=_TEXT,
            room=_TEXT,
            context={"const": "api"},
            messageCount={"const": 0},
        ),
    ),
    "said": (
        "Somebody said something in the client's room, entered it or left it.",
        _object(
            ("message", "room", "from", "context", "sentAt"),
            **{"from": {"description": "the speaker's id; 0 for the server"}},
            message={"description": "what was said; a string where a client said it"},
            room=_TEXT,
            context={"const": "user"},
            sentAt=_TIME,
        ),
    ),
    "sent": (
        "The application, or the server itself, has sent the client a message.",
        _object(("context",), context=_TEXT),
    ),
    "goodbye": (
        "The server stops.",
        _object(
            ("status", "context"),
            status={"const": "Server going down NOW"},
            context={"const": "api"},
        ),
    ),
}
"""Messages that the server sends by itself."""

_ERROR: Final = _response(error=_TEXT)
_ERROR["properties"]["errors"] = {
    "type": "array",
    "description": "all inputs that are wrong, where there is more than one",
    "items": _object(("param", "error"), param=_TEXT, error=_TEXT),
}


class _Document:
    """A document in the making."""

    def __init__(self) -> None:
        self.operations: dict[str, Any] = {}
        self.messages: dict[str, Any] = {}
        self.schemas: dict[str, Any] = {}

    def message(self, name: str, payload: Schema, summary: str = "", **more: Any) -> None:
        """Adds a message."""
        content = {"name": name, "payload": payload, **more}
        self.messages[name] = {**content, "summary": summary} if summary else content

    def request(self, name: str, summary: str, request: str, replies: list[str]) -> None:
        """Adds an operation that a client begins."""
        self.operations[name] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{CHANNEL}"},
            **({"summary": summary} if summary else {}),
            "messages": [_reference(request)],
            "reply": {
                "channel": {"$ref": f"#/channels/{CHANNEL}"},
                "messages": [_reference(reply) for reply in replies],
            },
        }

    def moved(self, schema: Schema, prefix: str) -> Schema:
        """A separate schema as a part of the document, its definitions among the others."""
        rest = {key: value for key, value in schema.items() if key not in ("$schema", "$defs")}
        for name, definition in schema.get("$defs", {}).items():
            self.schemas[f"{prefix}.{_key(name)}"] = _rewritten(definition, prefix)
        moved: Schema = _rewritten(rest, prefix)
        return moved


def document(server: ServerAddress, actions: Iterable[Action], verbs: Iterable[Verb]) -> Schema:
    """The document of a server.

    Args:
        server: Where it is.
        actions: Its actions.
        verbs: Its verbs.
    """
    made = _Document()
    made.message("error", _ERROR, "A request has failed.", correlationId=_CORRELATION)
    made.message("done", _response(), "A verb has been run.", correlationId=_CORRELATION)
    for name, (summary, payload) in _FROM_SERVER.items():
        made.message(name, payload, summary)
        made.operations[name] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{CHANNEL}"},
            "summary": summary,
            "messages": [_reference(name)],
        }
    for verb in verbs:
        _add_verb(made, verb)
    keys: set[str] = set(made.operations)
    for action in actions:
        _add_action(made, action, _unique(_key(action.name), keys))
    return {
        "asyncapi": VERSION,
        "info": {"title": server.title, "version": server.version, "description": _LINES},
        "defaultContentType": "application/json",
        "servers": {
            "server": {"host": server.host, "protocol": "tls" if server.is_secure else "tcp"}
        },
        "channels": {
            CHANNEL: {
                "address": None,
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in made.messages
                },
            }
        },
        "operations": made.operations,
        "components": {"messages": made.messages, "schemas": made.schemas},
    }


_CORRELATION: Final = {"location": "$message.payload#/messageCount"}


def _add_verb(made: _Document, verb: Verb) -> None:
    words = "|".join(map(re.escape, verb.words))
    pattern = f"^({words}) .+" if verb.takes else f"^({words})$"
    made.message(
        f"{verb.name}.line",
        {"type": "string", "pattern": pattern, "examples": [verb.example]},
        f"{verb.name} {verb.takes and f'takes {verb.takes}'}".strip(),
        contentType="text/plain",
    )
    made.request(verb.name, verb.help, f"{verb.name}.line", ["done", "error"])


def _add_action(made: _Document, action: Action, key: str) -> None:
    schemas = action.schemas
    params = made.moved(schemas["inputSchema"], f"{key}.input")
    output = made.moved(schemas["outputSchema"], f"{key}.output")
    required = ("action", "params") if params.get("required") else ("action",)
    request = _object(required, action={"const": action.name}, params=params)
    made.message(f"{key}.request", request, f"a request for the action {action.name}")
    replies = [f"{key}.response", "error"]
    if action.streams:
        made.message(
            f"{key}.part",
            {"allOf": [_part(), output]},
            f"a part of what {action.name} answers",
            correlationId=_CORRELATION,
        )
        replies.insert(0, f"{key}.part")
        output = {"type": "object"}
    made.message(
        f"{key}.response",
        {"allOf": [_response(), output]},
        f"what {action.name} answers",
        correlationId=_CORRELATION,
    )
    for declared in schemas["errors"]:
        code = declared["code"]
        name = f"{key}.error.{code}"
        error = _response(error={**_TEXT, "examples": [declared["error"]]}, code={"const": code})
        made.message(name, error, declared["error"], correlationId=_CORRELATION)
        replies.append(name)
    made.request(key, action.description, f"{key}.request", replies)


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{CHANNEL}/messages/{name}"}


def _key(name: str) -> str:
    """A name as a key of the document, which can hold only some characters."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _unique(key: str, taken: set[str]) -> str:
    found, count = key, 1
    while found in taken:
        count += 1
        found = f"{key}-{count}"
    taken.add(found)
    return found


def _rewritten(value: Any, prefix: str) -> Any:
    """A schema of draft 2020-12 in the words of AsyncAPI's own, with its references moved."""
    if isinstance(value, list):
        return [_rewritten(item, prefix) for item in value]
    if not isinstance(value, Mapping):
        return value
    found = {key: _rewritten(item, prefix) for key, item in value.items()}
    reference = found.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        name = _key(reference.removeprefix("#/$defs/"))
        found["$ref"] = f"#/components/schemas/{prefix}.{name}"
    if isinstance(found.get("prefixItems"), list):
        if "items" in found:
            found["additionalItems"] = found.pop("items")
        found["items"] = found.pop("prefixItems")
    return found
