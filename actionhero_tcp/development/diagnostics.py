"""Adds to responses, while somebody develops, the faults in the files of what clients ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..errors import UnknownActionError
from ..wire import json_lines

if TYPE_CHECKING:
    from ..app.runnable import Runnable
    from ..dispatch.dialect import Dialect
    from ..dispatch.request import Request

FAULT: Final = "fault"
"""The key of a response that holds the fault."""


class DiagnosticDialect:
    """A dialect whose responses carry one more key where what runs is not the newest version.

    Args:
        dialect: The dialect.

    Attributes:
        verbs: Its verbs.
        faults: Why not, by the names of actions, and of verbs with hooks around them.
        unknown: What the response to an action that there is not carries; empty where no file
            has a fault.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.verbs = dialect.verbs
        self.welcome = dialect.welcome
        self.faults: Mapping[str, str] = {}
        self.unknown = ""

    def read(self, request: Request, line: bytes, word: bytes, rest: bytes) -> bytes | Runnable:
        """See `Dialect.read`."""
        try:
            return self._dialect.read(request, line, word, rest)
        except UnknownActionError as error:
            if self.unknown:
                error.fields = {**error.fields, FAULT: self.unknown}
            raise

    def result(self, request: Request, outcome: object) -> bytes:
        """See `Dialect.result`."""
        return self._with_fault(request, self._dialect.result(request, outcome))

    def error(self, request: Request, text: str, fields: Mapping[str, object]) -> bytes:
        """See `Dialect.error`."""
        return self._with_fault(request, self._dialect.error(request, text, fields))

    def _with_fault(self, request: Request, response: bytes) -> bytes:
        fault = self.faults.get(request.name)
        if fault is None:
            return response
        fields = json.loads(response)
        number = fields.pop("messageCount")
        return json_lines.NUMBERED % (json_lines.head({**fields, FAULT: fault}), number)
