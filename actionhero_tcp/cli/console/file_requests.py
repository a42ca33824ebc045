"""Lines of the console that ask for a file, whose content is no line of JSON."""

from __future__ import annotations

import json
from typing import Any

from ...client import requests
from ...client.content import Content
from ...client.download import Download
from ...client.settings import Limits


def file_request(line: str, limits: Limits) -> Download | None:
    """Return the download that a line asks for; None if it asks for no file.

    A request in JSON goes out with a header, if the server offers that. A request in words goes
    out as it is, for its params are known to the server only.

    Args:
        line: The line as it was typed.
        limits: The most that is kept.

    Raises:
        ValueError: The line cannot be sent.
    """
    raw_line = requests.raw(line)
    line = line.strip(" \t")
    if not line.startswith("{"):
        word = line.replace("\t", " ").partition(" ")[0]
        return Download({}, _content(limits), None, raw_line) if word == "file" else None
    params = _params(line)
    if params is None:
        return None
    if not params.pop("header", False):
        # Without a header these mean nothing.
        params.pop("length", None)
        params.pop("offset", None)
    offset, length = params.pop("offset", 0), params.get("length", 0)
    if not (_is_size(offset) and _is_size(length) and isinstance(params.get("fileName"), str)):
        return Download({}, _content(limits), None, raw_line)
    return Download(params, _content(limits, offset))


def _params(line: str) -> dict[str, Any] | None:
    """The params of a JSON line that asks for a file; None if it does not."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict) or request.get("action") != "file":
        return None
    params = request.get("params", {})
    return dict(params) if isinstance(params, dict) else {}


def _content(limits: Limits, offset: int = 0) -> Content:
    return Content(None, limits.max_file_bytes, None, offset)


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 0
