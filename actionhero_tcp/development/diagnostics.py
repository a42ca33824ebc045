"""Adds to responses, while somebody develops, the faults in the files of what clients ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger

from ..app.outputs import check_response
from ..errors import UnknownActionError, printable
from ..wire import json_lines

if TYPE_CHECKING:
    from ..app.application import Application
    from ..app.runnable import Runnable
    from ..dispatch.dialect import Dialect
    from ..dispatch.request import Request

_log = Logger()

FAULT: Final = "fault"
"""The key of a response that holds the fault."""


class DiagnosticDialect:
    """A dialect whose responses carry one more key where what runs is not the newest version.

    It also compares what actions return with their return annotations.

    Args:
        dialect: The dialect.
        application: The actions.

    Attributes:
        verbs: Its verbs.
        profile: See `Dialect.profile`.
        faults: Why not, by the names of actions, and of verbs with hooks around them.
        unknown: The fields that a response to an unknown action carries; empty if no file has a
            fault.
    """

    def __init__(self, dialect: Dialect, application: Application) -> None:
        self._dialect = dialect
        self._application = application
        self.verbs = dialect.verbs
        self.welcome = dialect.welcome
        self.profile = dialect.profile
        self.most_pending = dialect.most_pending
        self.faults: Mapping[str, str] = {}
        self.unknown = ""

    def set_faults(self, faults: Mapping[str, str], unknown: str) -> None:
        """Put other faults in the place of those that responses carry; see the attributes."""
        self.faults = faults
        self.unknown = unknown

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
        response = self._dialect.result(request, outcome)
        if request.parts is not None:
            return self._with_fault(request, response)
        return self._with_fault(request, response, self._misfit(request, outcome))

    def part(self, request: Request, part: object, context: str = "stream") -> bytes:
        """See `Dialect.part`."""
        line = self._dialect.part(request, part, context)
        misfit = self._misfit(request, part) if context == "stream" else None
        return self._with_fault(request, line, misfit)

    def error(self, request: Request, text: str, fields: Mapping[str, object]) -> bytes:
        """See `Dialect.error`."""
        return self._with_fault(request, self._dialect.error(request, text, fields))

    def _misfit(self, request: Request, outcome: object) -> str | None:
        """The part of a result that does not fit its action's return annotation."""
        action = self._application.actions.get(request.name)
        wrong = None if action is None else check_response(outcome, action.output)
        if action is None or wrong is None:
            return None
        fault = f"{action.place}: the response of {action.name} does not fit its type: {wrong}"
        _log.warn("{fault}", fault=printable(fault))
        return fault

    def _with_fault(self, request: Request, response: bytes, misfit: str | None = None) -> bytes:
        fault = self.faults.get(request.name, misfit)
        if fault is None:
            return response
        fields = json.loads(response)
        if not isinstance(fields, dict):
            # A file of actionHero 29 that is not found is no object.
            return response
        number = fields.pop("messageCount")
        return json_lines.NUMBERED % (json_lines.head({**fields, FAULT: fault}), number)
