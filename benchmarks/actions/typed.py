"""Actions that the hand-written peer has too: a typed input of ten fields, and a wait."""

import asyncio

from actionhero_tcp import Api, Connection, action


@action
async def sleepNothing(api: Api, connection: Connection) -> dict[str, bool]:
    """Wait for the loop's next pass."""
    await asyncio.sleep(0)
    return {"done": True}
