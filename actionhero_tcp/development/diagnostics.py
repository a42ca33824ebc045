"""Tells clients, while somebody develops, of faults in the files of what they ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..dispatch.request import Request, Runnable
from ..dispatch.runner import Runner
from ..errors import ClientError, LimitError, UnknownActionError
from ..wire import json_lines

if TYPE_CHECKING:
    from ..connection.connection import Connection

FAULT: Final = "fault"
"""The key of a response that holds the fault."""


class DiagnosticRunner(Runner):
    """A runner whose responses carry one more key where what runs is not the newest version.

    The arguments are those of `Runner`.

    Attributes:
        faults: Why not, by the names of actions, and of verbs with hooks around them.
        unknown: What the response to an action that there is not carries; empty where no file
            has a fault.
    """

    faults: Mapping[str, str] = {}
    unknown: str = ""

    def run(
        self,
        connection: Connection,
        number: int,
        action: Runnable,
        params: dict[str, Any],
        started: float,
    ) -> bytes | None:
        """Runs an action; see `Runner.run`."""
        try:
            reply = super().run(connection, number, action, params, started)
        except ClientError as error:
            fault = self.faults.get(action.name)
            if fault is None:
                raise
            raise _with_fault(error, fault) from None
        return self._told(reply, action) if reply else reply

    def refusal(self, reason: Exception, number: int) -> tuple[bytes, str]:
        """The response to a request that failed; see `Runner.refusal`."""
        if self.unknown and isinstance(reason, UnknownActionError):
            reason = _with_fault(reason, self.unknown)
        return super().refusal(reason, number)

    def _answer(self, request: Request, reply: bytes, error: str | None) -> None:
        super()._answer(request, self._told(reply, request.action) if reply else reply, error)

    def _told(self, reply: bytes, action: Runnable) -> bytes:
        fault = self.faults.get(action.name)
        if fault is None:
            return reply
        fields = json.loads(reply)
        number = fields.pop("messageCount")
        return json_lines.NUMBERED % (json_lines.head({**fields, FAULT: fault}), number)


def _with_fault(error: ClientError, fault: str) -> ClientError:
    """The same error with one more field; not the same object, which may be in use elsewhere."""
    if isinstance(error, LimitError):
        told: ClientError = LimitError(error.limit, error.text)
    else:
        told = ClientError(error.text)
    told.fields = {**error.fields, FAULT: fault}
    return told
