"""An action that works, as one that renders or compresses does."""

import time

from actionhero_tcp import Api, Connection, action

NANOSECONDS = 200_000
"""How much processor time it takes."""


@action
def burn(api: Api, connection: Connection) -> dict[str, bool]:
    """Take 200 µs of processor time."""
    end = time.thread_time_ns() + NANOSECONDS
    while time.thread_time_ns() < end:
        pass
    return {"done": True}
