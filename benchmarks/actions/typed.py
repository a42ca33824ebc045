"""Actions that the hand-written peer has too: a typed input of ten fields, and a wait."""

import asyncio
import sys
from pathlib import Path

from actionhero_tcp import Api, Connection, action

sys.path.append(str(Path(__file__).parents[2]))

from benchmarks.reading import Reading


@action
async def report(api: Api, connection: Connection, *, reading: Reading) -> dict[str, int]:
    """Take a typed input of ten fields."""
    return {"stored": len(reading.values)}


@action
async def sleepNothing(api: Api, connection: Connection) -> dict[str, bool]:
    """Wait for the loop's next pass."""
    await asyncio.sleep(0)
    return {"done": True}
