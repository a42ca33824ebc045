"""`sleepTest`."""

from actionhero_tcp import Api, Connection, action

from .._sleep import sleep


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
    return await sleep(api, sleepDuration)
