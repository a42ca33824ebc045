"""Signals that a daemon gets at chosen moments of its start and of its end, to the instruction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SENDER: Final = """
import os
import signal
import sys

moments = [moment.split() for moment in os.environ["MOMENTS"].split(",")]


def look(frame, event, argument):
    code, module = frame.f_code, frame.f_globals.get("__name__")
    if moments[0] == [event, module, code.co_qualname]:
        sys.setprofile(None)
        del moments[0]
        with open("reached", "a") as reached:
            reached.write(f"{os.getpid()}\\n")
        for _ in range(int(os.environ["SIGNALS"])):
            os.kill(os.getpid(), signal.SIGTERM)
        if moments:
            sys.setprofile(look)


sys.setprofile(look)
"""
"""A `sitecustomize` module, which Python imports before all else. It has the process send itself
signals at the moments of the variable MOMENTS, and notes in the file `reached` that it did."""


@dataclass(frozen=True)
class Moment:
    """A moment in the life of a daemon.

    Attributes:
        event: ``call`` or ``return``: the begin or the end of a function.
        module: The module of the function.
        function: Its qualified name; ``<module>`` for the import of the module.
    """

    event: str
    module: str
    function: str

    def __str__(self) -> str:
        return f"{self.event} {self.module} {self.function}"


_TWISTD: Final = "twisted.scripts._twistd_unix"
_SERVICE: Final = "actionhero_tcp.server.service"
_REACTOR: Final = "twisted.internet.base"

UNPREPARED: Final = (
    Moment("return", "site", "main"),
    Moment("call", "twisted.scripts.twistd", "<module>"),
    Moment("return", "twisted.internet.tcp", "<module>"),
    Moment("call", "twisted.plugin", "getPlugins"),
    Moment("call", "actionhero_tcp.plugin.tap", "<module>"),
    Moment("call", "actionhero_tcp.plugin.options", "Options.postOptions"),
    Moment("call", "actionhero_tcp.plugin.tap", "makeService"),
    Moment("call", "actionhero_tcp.app.loader", "load"),
    Moment("return", "actionhero_tcp.embedding.composition", "build"),
)
"""Of the start, before the daemon has made anything that it would leave behind."""

STARTING: Final = (
    Moment("return", "actionhero_tcp.plugin.tap", "makeService"),
    Moment("call", "twisted.application.app", "AppLogger.start"),
    Moment("call", _TWISTD, "UnixApplicationRunner.setupEnvironment"),
    Moment("return", _TWISTD, "UnixApplicationRunner.setupEnvironment"),
    Moment("return", "twisted.internet.tcp", "Port.startListening"),
    Moment("return", "twisted.internet.unix", "Port.startListening"),
    Moment("return", _SERVICE, "ActionHeroService.startService"),
    Moment("call", _REACTOR, "ReactorBase.startRunning"),
    Moment("call", "twisted.internet._signals", "_WithSignalHandling.install"),
    Moment("return", "twisted.internet._signals", "_WithSignalHandling.install"),
    Moment("call", _REACTOR, "ReactorBase.mainLoop"),
)
"""The rest of the start, up to the reactor's first pass."""

STOPPING: Final = (
    Moment("call", _SERVICE, "ActionHeroService._stopped"),
    Moment("return", _REACTOR, "ReactorBase.run"),
    Moment("return", _TWISTD, "UnixApplicationRunner.removePID"),
)
"""Of the end, for a further signal."""
