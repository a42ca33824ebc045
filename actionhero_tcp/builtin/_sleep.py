"""The code that all forms of `sleepTest` share."""

import time

from twisted.internet.task import deferLater

from actionhero_tcp import ActionError, Api

MAX_SLEEP_MS = 24 * 60 * 60 * 1000


async def sleep(api: Api, duration: int) -> dict[str, int]:
    """Wait so many ms, without holding up anybody else, and return how long it took."""
    if not 0 <= duration <= MAX_SLEEP_MS:
        raise ActionError(f"sleepDuration must be from 0 to {MAX_SLEEP_MS} ms")
    started = int(time.time() * 1000)
    # The wall clock may be set meanwhile.
    began = api.reactor.seconds()
    await deferLater(api.reactor, duration / 1000)
    delta = int((api.reactor.seconds() - began) * 1000)
    return {
        "sleepStarted": started,
        "sleepEnded": started + delta,
        "sleepDelta": delta,
        "sleepDuration": duration,
    }
