"""Lines of the console that ask for a file, whose content is no line of JSON."""

from __future__ import annotations

import json
from typing import Any

from ...client import requests
from ...client.content import Content
from ...client.dialects import Dialect
from ...client.download import Download
from ...client.settings import Limits


def file_request(line: str, limits: Limits, dialect: Dialect) -> Download | None:
    """Return the download that a line asks for; None if it asks for no file.

    A request in JSON goes out with a header, if the server offers that. A request in words goes
    out as it is in the dialect 2012, where its params are known to the server only; that of the
    dialect 29 names the file, and becomes one in JSON.

    Args:
        line: The line as it was typed.
        limits: The most that is kept.
        dialect: The dialect.

    Raises:
        ValueError: The line cannot be sent.
    """
    raw_line = requests.raw(line)
    line = line.strip(" \t")
    if not line.startswith("{"):
        word, _, rest = line.replace("\t", " ").partition(" ")
        if word != "file":
            return None
        if not dialect.offers_header:
            return Download({}, _content(limits), None, raw_line)
        if not rest:
            raise ValueError("file takes a path here, such as: file index.html")
        return Download({"fileName": rest.partition(" ")[0]}, _content(limits))
    params = _params(line)
    if params is None:
        return None
    if not params.pop("header", False):
        # Without a header these mean nothing.
        params.pop("length", None)
        params.pop("offset", None)
    offset, length = params.pop("offset", 0), params.get("length", 0)
    if _is_size(offset) and _is_size(length) and isinstance(params.get("fileName"), str):
        return Download(params, _content(limits, offset))
    if dialect.offers_header:
        raise ValueError("a file needs a fileName; offset and length are whole numbers")
    # The server refuses it in its own words.
    return Download({}, _content(limits), None, raw_line)


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
