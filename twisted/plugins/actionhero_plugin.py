"""Makes ``twistd actionhero`` known to Twisted."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import Any

from twisted.application.service import ServiceMaker


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


if os.getpid() == 1 and "actionhero" in sys.argv:
    # Process 1, as in a container, does not end by a signal that it does not handle; and the
    # server handles them only once it is wired.
    for _number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(_number, _end)


class _Maker(ServiceMaker):
    @property
    def options(self) -> Any:
        # Twisted is loaded, and stays. While the server is loaded collections pass over it.
        gc.freeze()
        return super().options


actionhero = _Maker(
    "actionHero TCP server",
    "actionhero_tcp.plugin.tap",
    "Serve Python functions over persistent TCP and TLS connections",
    "actionhero",
)
