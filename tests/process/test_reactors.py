"""The server on Twisted's reactors: epoll, asyncio, and asyncio on uvloop."""

from __future__ import annotations

import signal

from tests.process import (
    test_daemon,
    test_development,
    test_files,
    test_hooks,
    test_lifecycle,
    test_proxied,
    test_rooms,
    test_signals,
    test_systemd,
    test_tls,
    test_watch,
    test_workers,
)
from tests.support import PATIENCE
from tests.support.integration import OwnDaemonTestCase, request

ACTIONS = """
import asyncio
from contextvars import ContextVar

from actionhero_tcp import action, after_action, before_action, on_connect, on_start, on_stop

USER = ContextVar("USER", default="nobody")


@on_start
async def opens(api):
    async with asyncio.timeout(10):
        await asyncio.sleep(0.001)
    api.state.database = "open"


@on_stop
async def closes(api):
    await asyncio.sleep(0.001)
    print("closed", flush=True)


@on_connect
async def looks_up(api, connection):
    await asyncio.sleep(0)


@before_action
async def knows(api, connection, call):
    USER.set("Ada")
    await asyncio.sleep(0)


@after_action
async def sees(api, connection, call):
    if call.error is not None:
        print(f"after {type(call.error).__module__}", flush=True)


@action
async def waits(api, connection, *, seconds: float):
    \"\"\"Wait.\"\"\"
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(seconds))
            saved = group.create_task(save(api))
    finally:
        await asyncio.sleep(0)
        print("cleaned up", flush=True)
    return {"user": USER.get(), "database": api.state.database, "saved": saved.result()}


async def save(api):
    await api.cache.save("k", 1)
    return (await api.cache.load("k")).value


@action
async def hidden(api, connection):
    \"\"\"Take part in no wait at all.\"\"\"
    return {"task": asyncio.current_task() is not None}
"""

EXITS = """
import asyncio
import sys

from actionhero_tcp import action, every


@action
async def inTask(api, connection):
    \"\"\"Have a task end the process.\"\"\"
    await asyncio.create_task(leave())


@action
def inCallback(api, connection):
    \"\"\"Have a callback end the process.\"\"\"
    asyncio.get_running_loop().call_soon(sys.exit, 3)


@action
async def interrupted(api, connection):
    \"\"\"Have a task raise what Ctrl-C raises.\"\"\"
    async with asyncio.TaskGroup() as group:
        group.create_task(interrupt())


async def leave():
    sys.exit(3)


async def interrupt():
    raise KeyboardInterrupt
"""

SLEEPS = """
import asyncio
from actionhero_tcp import action


@action
async def sleeps(api, connection):
    \"\"\"Sleep.\"\"\"
    await asyncio.sleep(0.01)
"""


class EpollTests(OwnDaemonTestCase):
    """Where no asyncio loop runs."""

    reactor = "epoll"

    def test_what_awaits_asyncio_fails_and_the_log_says_what_to_start_with(self) -> None:
        running = self.start(files={"actions/a.py": SLEEPS})
        client = self.join(running)
        self.assertEqual("The server experienced an internal error", client.ask("sleeps")["error"])
        told = "start with: twistd --reactor uvloop actionhero"
        running.wait_for_log(told)


class AsyncioTests(OwnDaemonTestCase):
    """`twistd --reactor asyncio`."""

    reactor = "asyncio"

    def test_actions_and_hooks_await_asyncio(self) -> None:
        running = self.start(files={"actions/a.py": ACTIONS})
        client = self.join(running)
        answer = client.ask_json("waits", seconds=0.01)
        self.assertEqual(
            ("Ada", "open", 1), (answer["user"], answer["database"], answer["saved"]), answer
        )
        self.assertIs(True, client.ask("hidden")["task"])
        self.stop(running)
        self.assertIn("closed", running.log)
        self.assertNotIn("destroyed", running.log)

    def test_its_time_limit_cancels_an_action(self) -> None:
        running = self.start("--action-timeout=0.1", files={"actions/a.py": ACTIONS})
        client = self.join(running)
        answer = client.ask_json("waits", seconds=60)
        self.assertEqual("waits did not finish within 0.1 seconds", answer["error"])
        running.wait_for_log("after asyncio")
        self.assertLess(running.log.index("cleaned up"), running.log.index("after asyncio"))

    def test_a_client_that_is_gone_and_a_stop_cancel_an_action(self) -> None:
        running = self.start("--drain-timeout=0.1", files={"actions/a.py": ACTIONS})
        gone, stays = self.join(running), self.join(running)
        for client in (gone, stays):
            client.send(request("waits", seconds=60).encode() + b"\n")
            client.ask("randomNumber")
        gone.reset()
        running.wait_for_log("after asyncio")
        running.process.send_signal(signal.SIGTERM)
        status = stays.message()
        while "status" not in status:
            status = stays.message()
        self.assertIn("going down", status["status"])
        self.assertIn("the action was ended", stays.message()["error"])
        self.assert_ended_well(running)
        self.assertEqual(2, running.log.count("cleaned up"))

    def test_what_would_end_the_process_ends_no_more_than_its_request(self) -> None:
        running = self.start(files={"actions/a.py": EXITS})
        client = self.join(running)
        for name in ("inTask", "interrupted"):
            self.assertIn("internal error", client.ask(name)["error"])
        self.assertEqual("OK", client.ask("inCallback")["status"])
        self.assertIn("randomNumber", client.ask("randomNumber"))
        running.wait_for_log("SystemExit: 3")
        running.wait_for_log("a task or callback tried to end the process; the server goes on")
        self.assertEqual("Bye!", client.ask("quit")["status"])
        running.process.send_signal(signal.SIGTERM)
        self.assertEqual(-signal.SIGTERM, running.process.wait(PATIENCE))
        self.assertIn("has stopped", running.log)

    def test_signals_reload_and_a_log_opened_again(self) -> None:
        running = self.start()
        self.join(running)
        running.process.send_signal(signal.SIGHUP)
        running.wait_for_log("reloaded")
        running.process.send_signal(signal.SIGUSR1)
        running.wait_for_log("opened the logs")
        self.stop(running)


class UvloopTests(AsyncioTests):
    """`twistd --reactor uvloop`."""

    reactor = "uvloop"


class UvloopSessionTests(test_daemon.SessionTests):
    """A whole session, with half-closed and reset connections, on uvloop."""

    reactor = "uvloop"


class UvloopTLSTests(test_tls.CloseNotifyTests):
    """TLS on uvloop."""

    reactor = "uvloop"


class UvloopHeaderTests(test_proxied.HeaderTests):
    """PROXY headers on uvloop."""

    reactor = "uvloop"


class UvloopDeathTests(test_workers.DeathTests):
    """Workers that end, on uvloop."""

    reactor = "uvloop"


class UvloopReloadTests(test_signals.ReloadTests):
    """Reloads on uvloop."""

    reactor = "uvloop"


class UvloopSlowReaderTests(test_files.SlowReaderTests):
    """Back-pressure and the write timeout on uvloop."""

    reactor = "uvloop"


class UvloopActivationTests(test_systemd.ActivationTests):
    """Sockets of systemd on uvloop."""

    reactor = "uvloop"


class UvloopBlockedTests(test_watch.BlockedTests):
    """The block detector on uvloop."""

    reactor = "uvloop"


class UvloopDevelopmentTests(test_development.DevelopmentTests):
    """Development mode on uvloop."""

    reactor = "uvloop"


class UvloopLifecycleTests(test_lifecycle.StopTests):
    """Hooks of the stop on uvloop."""

    reactor = "uvloop"


class AsyncioHookTests(test_hooks.HookTests):
    """Hooks on asyncio."""

    reactor = "asyncio"


class AsyncioRoomTests(test_rooms.RoomTests):
    """Rooms on asyncio."""

    reactor = "asyncio"


class AsyncioActionTests(test_daemon.ActionTests):
    """Actions, also in threads, on asyncio."""

    reactor = "asyncio"
