"""A running version is replaced node by node, as docs/scaling.md tells it."""

from __future__ import annotations

import threading
from collections import Counter

from tests.support import PATIENCE, Daemon, wait_for
from tests.support.integration import OwnDaemonTestCase, Talker, connect, request
from tests.support.redis_server import RedisServer

CLIENTS = 8

NOTE = """
from actionhero_tcp import action


@action
async def note(api, connection, *, entry: str):
    with open({path!r}, "a") as notes:
        notes.write(entry + "\\n")
    return {{"noted": entry}}
"""


class Caller(threading.Thread):
    """A client that asks one thing after the other, and comes back to another node when it must.

    A request that was not answered when the connection ended was not read: the node says
    goodbye, reads no more, and answers what it has read. So it is asked again.
    """

    def __init__(self, name: str, nodes: list[Daemon]) -> None:
        super().__init__(daemon=True)
        self.caller = name
        self.nodes = nodes
        self.answered: list[str] = []
        self.moves = 0
        self.enough = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self.session()
        except BaseException as error:
            self.error = error

    def session(self) -> None:
        """One connection."""
        try:
            client = Talker(connect(self.nodes[0]))
        except ConnectionRefusedError:
            return
        self.moves += 1
        try:
            while not self.enough.is_set():
                entry = f"{self.caller}-{len(self.answered)}"
                client.send(request("note", entry=entry).encode() + b"\n")
                while (message := client.message()).get("context") != "response":
                    pass
                if message.get("noted") != entry:
                    raise ValueError(f"asked {entry}, got {message}")
                self.answered.append(entry)
        except (AssertionError, ConnectionError):
            # The end of the connection; what came before it was read above.
            return
        finally:
            client.close()


class UpgradeTests(OwnDaemonTestCase):
    """No answer is lost."""

    def test_node_by_node(self) -> None:
        redis = RedisServer()
        self.addCleanup(redis.close)
        redis.start()
        notes = self.folder() / "notes"
        files = {"actions/note.py": NOTE.format(path=str(notes))}
        nodes = [self.start(f"--redis={redis.url}", files=files) for _ in range(2)]
        callers = [Caller(f"c{number}", nodes) for number in range(CLIENTS)]
        for caller in callers:
            caller.start()
        for _ in range(2):
            answered = [len(caller.answered) for caller in callers]
            wait_for(
                lambda before=answered: all(
                    len(caller.answered) > count + 20 or caller.error
                    for caller, count in zip(callers, before, strict=True)
                ),
                "some answers for each",
            )
            # The new one first; then an old one is stopped.
            nodes.append(self.start(f"--redis={redis.url}", files=files))
            self.stop(nodes.pop(0))
        wait_for(lambda: all(c.moves > 1 or c.error for c in callers), "a move of each")
        for caller in callers:
            caller.enough.set()
        for caller in callers:
            caller.join(PATIENCE)
            self.assertIsNone(caller.error)
        expected = Counter(entry for caller in callers for entry in caller.answered)
        self.assertEqual({1}, set(expected.values()))
        done = Counter(notes.read_text().split())
        # The last of each may have been noted, and its answer not awaited.
        self.assertEqual({1}, set(done.values()))
        self.assertLessEqual(set(expected), set(done))
