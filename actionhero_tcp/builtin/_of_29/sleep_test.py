"""`sleepTest`."""

import time

from twisted.internet.task import deferLater

from actionhero_tcp import ActionError, Api, Connection, action

MAX_SLEEP_MS = 24 * 60 * 60 * 1000


@action(
    description="I will sleep and then return",
    output_example={
        "sleepStarted": 1420953571322,
        "sleepEnded": 1420953572327,
        "sleepDelta": 1005,
        "sleepDuration": 1000,
    },
)
async def sleepTest(
    api: Api, connection: Connection, *, sleepDuration: int = 1000
) -> dict[str, int]:
    """Answers after ``sleepDuration`` ms, without holding up anybody else."""
    if not 0 <= sleepDuration <= MAX_SLEEP_MS:
        raise ActionError(f"sleepDuration must be from 0 to {MAX_SLEEP_MS} ms")
    started, began = int(time.time() * 1000), api.reactor.seconds()
    await deferLater(api.reactor, sleepDuration / 1000)
    delta = int((api.reactor.seconds() - began) * 1000)
    return {
        "sleepStarted": started,
        "sleepEnded": started + delta,
        "sleepDelta": delta,
        "sleepDuration": sleepDuration,
    }
