"""Actions that do what no action should."""

from __future__ import annotations

import json
import socket

from tests.faults.counts import UNRULY_ROUNDS
from tests.faults.crowd import Bystander, Crowd, LinePeer
from tests.faults.harness import FaultTestCase, State, mib
from tests.support.integration import MEGABYTE

LATE_SECONDS = 1.5
"""As long may an action go on after its client has got an error in its place."""

TIMEOUT = 3
"""Seconds that an action may run here."""

FLOOD = 20_000
MOST_GROWTH = 16 * MEGABYTE

ACTIONS = """
import sys
import time

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, fail
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from actionhero_tcp import NO_RESPONSE, action


@action
def raises(api, connection):
    raise RuntimeError("no")


@action
async def raisesLater(api, connection):
    await deferLater(api.reactor, 0.01)
    raise RuntimeError("no")


@action
def failsAtOnce(api, connection):
    return fail(RuntimeError("no"))


@action
def recurses(api, connection):
    return recurses(api, connection)


@action
def exits(api, connection):
    sys.exit(7)


@action
async def exitsLater(api, connection):
    await deferLater(api.reactor, 0.01)
    sys.exit(7)


@action(blocking=True)
def exitsInThread(api, connection):
    sys.exit(7)


@action
def interrupts(api, connection):
    raise KeyboardInterrupt


@action
def neverEnds(api, connection):
    return Deferred()


@action
def cannotBeCancelled(api, connection):
    def refuse(deferred):
        raise RuntimeError("no")

    return Deferred(refuse)


@action
async def ignoresItsEnd(api, connection):
    try:
        await Deferred()
    except CancelledError:
        await deferLater(api.reactor, 0.1)
    return {"late": True}


@action
def blocksTheLoop(api, connection):
    time.sleep(0.02)


@action(blocking=True)
def blocksAThread(api, connection):
    time.sleep(0.1)


@action(blocking=True)
def blocksAThreadForLong(api, connection):
    time.sleep(TIMEOUT + 1)


@action
def returnsAComplex(api, connection):
    return {"number": 1j}


@action
def returnsNoNumber(api, connection):
    return {"number": float("nan")}


@action
def returnsItself(api, connection):
    result = {}
    result["result"] = result
    return result


@action
def returnsText(api, connection):
    return "text"


@action
async def returnsAnObject(api, connection):
    await deferLater(api.reactor, 0.01)
    return {"object": object()}


@action
def closes(api, connection):
    connection.close()
    connection.close()
    return {"closed": True}


@action
async def closesAndWaits(api, connection):
    connection.close()
    await deferLater(api.reactor, 0.05)
    return {"closed": True}


@action
def floods(api, connection):
    for number in range(FLOOD):
        connection.send({"flood": number})


@action
async def floodsUntilItsEnd(api, connection):
    number = 0
    while True:
        connection.send({"flood": number})
        number += 1
        await deferLater(api.reactor, 0)


@action
def saysNothing(api, connection):
    return NO_RESPONSE


@action
def firesTwice(api, connection):
    deferred = Deferred()
    api.reactor.callLater(0.01, deferred.callback, {"fired": 1})
    api.reactor.callLater(0.02, deferred.callback, {"fired": 2})
    return deferred


@action
def forgets(api, connection):
    async def later():
        await deferLater(api.reactor, 0.2)
        connection.send({"late": True})
        api.send_socket_message(connection, {"late": True})
        raise RuntimeError("nobody sees this")

    ensureDeferred(later())
    deferToThread(lambda: 1 / 0)
    fail(RuntimeError("nobody sees this"))
    api.reactor.callLater(0.1, lambda: 1 / 0)
""".replace("FLOOD", str(FLOOD)).replace("TIMEOUT", str(TIMEOUT))

INTERNAL = {"error": "The server experienced an internal error"}
OK = {"status": "OK"}
NO_PARAMS: dict[str, object] = {"params": {}}


def late(name: str) -> dict[str, object]:
    """What a client gets whose action runs out of time."""
    return {"error": f"{name} did not finish within {TIMEOUT} seconds"}


ANSWERS: dict[str, dict[str, object] | None] = {
    **dict.fromkeys(("raises", "raisesLater", "failsAtOnce", "recurses"), INTERNAL),
    **dict.fromkeys(("exits", "exitsLater", "exitsInThread", "interrupts"), INTERNAL),
    **dict.fromkeys(("returnsAComplex", "returnsNoNumber", "returnsItself"), INTERNAL),
    **dict.fromkeys(("returnsText", "returnsAnObject"), INTERNAL),
    **dict.fromkeys(("blocksTheLoop", "blocksAThread", "floods", "forgets"), OK),
    **{
        name: late(name)
        for name in (
            "neverEnds",
            "cannotBeCancelled",
            "ignoresItsEnd",
            "blocksAThreadForLong",
            "floodsUntilItsEnd",
        )
    },
    "closes": {"closed": True},
    "closesAndWaits": {"closed": True},
    "firesTwice": {"fired": 1},
    "saysNothing": None,
}
"""What the client of each of them gets; None where it gets nothing."""

CLOSING = ("closes", "closesAndWaits")


class Client(LinePeer):
    """Asks for an action and for something else.

    Attributes:
        name: The action.
        answers: The answers by their numbers, without these.
        floods: How many messages of the action it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket, name: str) -> None:
        super().__init__(crowd, stream)
        self.name = name
        self.answers: dict[int, dict[str, object]] = {}
        self.floods = 0
        self.send(f"{name}\nparamView x\n".encode())

    @property
    def served(self) -> bool:
        """Whether its requests have been read: it has the answer to the second, or its end."""
        return 2 in self.answers or bool(self.end)

    def line(self, line: bytes) -> None:
        message = json.loads(line)
        if "flood" in message:
            assert message["flood"] == self.floods, line
            self.floods += 1
        elif message.pop("context") == "response":
            number = message.pop("messageCount")
            assert number not in self.answers, f"a second answer: {line!r}"
            self.answers[number] = message

    def ask_again(self) -> None:
        """Asks once more; by its answer all others have come."""
        self.send(b"paramView y\n")

    @property
    def expected(self) -> dict[int, dict[str, object]]:
        """The answers that it is to get."""
        first = ANSWERS[self.name]
        others = {} if self.name in CLOSING else {2: NO_PARAMS, 3: NO_PARAMS}
        return others if first is None else {1: first, **others}

    @property
    def done(self) -> bool:
        """Whether it has its last answer, or none is to come."""
        return 3 in self.answers or bool(self.end)


class UnrulyActionTests(FaultTestCase):
    """Each is answered once at most, and others are served."""

    number = 9

    def test_unruly_actions(self) -> None:
        self.begin(
            "--no-log-requests",
            "--announce-limit=0",
            f"--action-timeout={TIMEOUT}",
            files={"actions/unruly.py": ACTIONS},
        )
        (bystander,) = self.crowd.gather(1, Bystander)
        idle, used = self.state(), self.used_memory()
        for _ in range(UNRULY_ROUNDS):
            self.leave_early()
            self.wait_for_answers(idle)
        self.assert_back(idle)
        grown = self.used_memory() - used
        self.assertLess(grown, MOST_GROWTH)
        self.assertGreater(bystander.answers, UNRULY_ROUNDS)
        asked = len(ANSWERS) * UNRULY_ROUNDS
        self.note(
            f"{len(ANSWERS)} actions that raise, exit, recurse, never end, refuse to be cancelled, "
            "block a thread or the loop, return what is no JSON, close their connection, flood "
            f"it, spawn and forget, {UNRULY_ROUNDS} times each; and as often with a client that "
            "resets meanwhile",
            f"{asked:,} requests had one answer at most, the right one; running actions, timers, "
            f"connections and descriptors as before; memory in use grew by {mib(grown)}; "
            f"another client got {bystander.answers:,} answers meanwhile",
        )
        self.finish(failures=None)

    def leave_early(self) -> None:
        """Has each action asked for by a client that does not wait for what comes of it."""
        clients = [self.crowd.add(Client, name) for name in ANSWERS]
        self.crowd.until(lambda: all(each.welcomed for each in clients), "a welcome")
        for each in clients:
            each.reset()

    def wait_for_answers(self, idle: State) -> None:
        """Has each action asked for, and checks all that its client gets."""
        clients = [self.crowd.add(Client, name) for name in ANSWERS]
        self.crowd.until(lambda: all(each.served for each in clients), "the first answers")
        self.crowd.until(lambda: self.probe()["pending"] == idle.pending, "the end of all actions")
        self.crowd.run(LATE_SECONDS)
        for each in clients:
            each.ask_again()
        self.crowd.until(lambda: all(each.done for each in clients), "answers")
        for each in clients:
            self.assertEqual(each.answers, each.expected, each.name)
            self.assertEqual(each.floods, FLOOD if each.name == "floods" else each.floods)
            each.close()


class UnrulyActionTLSTests(UnrulyActionTests):
    """The same over TLS."""

    pair = "ec"


class UnrulyActionWebSocketTests(UnrulyActionTests):
    """The same over WebSocket."""

    web = True
