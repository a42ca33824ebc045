"""A folder of actions for the tests of the test kit, which load it as a user's tests would."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import TestCase

ACTIONS = """
import threading
from contextlib import suppress

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import blockingCallFromThread

from actionhero_tcp import NO_RESPONSE, ActionError, action

ended = []


@action
def greet(api, connection, *, name: str, times: int = 1):
    if name == "nobody":
        raise ActionError("nobody is here", {"code": 404})
    return {"greeting": " ".join([f"Hello, {name}!"] * times)}


@action
def show(api, connection, /, **params):
    return {"params": params, "room": connection.room, "address": connection.remote_address}


@action
async def tea(api, connection, *, cups: int = 3):
    try:
        for cup in range(cups):
            await deferLater(api.reactor, 1)
            connection.send({"cup": cup})
    finally:
        ended.append(api.reactor.seconds())
    return {"at": api.reactor.seconds(), "ended": len(ended)}


@action
def later(api, connection):
    return deferLater(api.reactor, 2, lambda: {"late": True})


@action
def never(api, connection):
    return Deferred()


@action(blocking=True)
def block(api, connection):
    connection.send({"main": threading.current_thread() is threading.main_thread()})
    return {"size": blockingCallFromThread(api.reactor, size, api)}


def size(api):
    return Deferred.fromCoroutine(api.cache.size())


@action(blocking=True)
def hang(api, connection, *, fails: bool = False):
    if fails:
        raise KeyError("in a thread")
    hanging.wait(30)


hanging = threading.Event()


@action
async def keep(api, connection, *, key: str, ms: int | None = None):
    return {"saved": await api.cache.save(key, "kept", expire_ms=ms)}


@action
async def kept(api, connection, *, key: str):
    entry = await api.cache.load(key)
    return {"value": entry and entry.value}


@action
def shout(api, connection, *, text: str):
    api.rooms.say(connection.room, text)


@action
def whisper(api, connection, *, to: str, text: str):
    return {"told": api.send_socket_message(to, {"whisper": text})}


@action
def fetch(api, connection, *, name: str):
    connection.send_file(api.files.open(name))
    return NO_RESPONSE


@action
def leave(api, connection):
    connection.close()
    return {"left": True}


@action
def who(api, connection):
    return {"user": connection.attributes.get("user")}


@action
def rename(api, connection, *, user: str):
    connection.attributes["user"] = user


@action
def break_(api, connection, *, how: str):
    return {}[how] if how == "raise" else {"no": {1j}}
"""

BIG_FILE = b'{"context":"response","messageCount":1}\r\n' * 10_000
"""It looks like answers, and takes several chunks."""


def write_project(test: TestCase) -> Path:
    """A folder with actions and files that is gone after the test."""
    temporary = tempfile.TemporaryDirectory()
    test.addCleanup(temporary.cleanup)
    folder = Path(temporary.name)
    for name in ("actions", "public"):
        (folder / name).mkdir()
    (folder / "actions" / "all.py").write_text(ACTIONS)
    (folder / "public" / "small.txt").write_bytes(b"x")
    (folder / "public" / "big.txt").write_bytes(BIG_FILE)
    return folder
