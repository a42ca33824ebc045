"""Background work of a real daemon."""

from __future__ import annotations

import signal

from tests.support import PATIENCE, wait_for
from tests.support.integration import OwnDaemonTestCase

ACTIONS = """
import asyncio

from twisted.internet.defer import Deferred

from actionhero_tcp import action, every, on_start, on_stop


@on_start
def begin(api):
    api.state.ticks = 0
    api.background(wait(api, "from the start"))


@on_stop
def close(api):
    print("the database is closed", flush=True)


@every("50ms")
async def tick(api):
    api.state.ticks += 1
    if api.state.ticks == 2:
        raise ValueError("the second tick")


@action
def work(api, connection):
    api.background(wait(api, "from an action"))
    api.background(fail())


@action
def ticks(api, connection):
    return {"ticks": api.state.ticks, "tasks": len(api.tasks)}


async def fail():
    raise ValueError("in the background")


async def wait(api, text):
    print("begins", text, flush=True)
    try:
        await WAIT
    finally:
        print("cleans up", text, flush=True)
"""


class BackgroundTests(OwnDaemonTestCase):
    """From the startup to the stop, on Twisted's own reactor."""

    reactor = "epoll"
    waits_for = "Deferred()"

    def test_from_the_startup_to_the_stop(self) -> None:
        daemon = self.start(files={"actions/work.py": ACTIONS.replace("WAIT", self.waits_for)})
        client = self.join(daemon)
        client.ask("work")
        wait_for(lambda: client.ask("ticks")["ticks"] >= 4, "the fourth tick")
        self.assertGreaterEqual(client.ask("ticks")["tasks"], 2)
        daemon.wait_for_log("begins from an action")
        daemon.wait_for_log("ValueError: in the background")
        daemon.process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, daemon.process.wait(PATIENCE))
        log = daemon.log
        self.assertIn("ValueError: the second tick", log)
        for text in ("from the start", "from an action"):
            self.assertIn(f"begins {text}", log)
            self.assertLess(log.index(f"cleans up {text}"), log.index("the database is closed"))
        self.assertNotIn("have not ended", log)
        self.assertIn("has stopped", log)


class AsyncioBackgroundTests(BackgroundTests):
    """The same on asyncio."""

    reactor = "asyncio"
    waits_for = "asyncio.sleep(600)"
