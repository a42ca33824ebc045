"""`sleepTest`."""

from actionhero_tcp import Api, Connection, action

from ._sleep import sleep


@action(
    description="I will sleep and then return",
    output_example={
        "sleepStarted": 1420953679624,
        "sleepEnded": 1420953679724,
        "sleepDelta": 100,
        "sleepDuration": 100,
    },
)
async def sleepTest(
    api: Api, connection: Connection, *, sleepDuration: int = 100
) -> dict[str, int]:
    """Answers after ``sleepDuration`` ms, without holding up anybody else."""
    return await sleep(api, sleepDuration)
