"""``python -m fleet``: serves until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from .service import serve


async def main(token: str) -> None:
    """Serve."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(Path("config.json"), token):
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    if "FLEET_TOKEN" not in os.environ:
        sys.exit("set FLEET_TOKEN: operators show it as Authorization: Bearer …")
    asyncio.run(main(os.environ["FLEET_TOKEN"]))
