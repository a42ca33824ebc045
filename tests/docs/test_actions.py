"""The example actions of docs/actions.md and README.md do what the pages say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app import loader
from tests import support

ACTIONS = support.ROOT / "docs" / "actions.md"
README = support.ROOT / "README.md"
QUICKSTART = support.ROOT / "docs" / "quickstart.md"

_EXAMPLE = re.compile(r"^```python\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Call:
    """A request, and what comes of it.

    Attributes:
        request: An action's name, or a request in JSON. ``ID`` and ``OTHER`` stand for the
            ids of the client and of another one in its room.
        gets: What the client gets, without context and messageCount where it is one response;
            a list for all the messages as they are, or the bytes of a file.
        hears: What the other client gets.
        after: How many seconds the clock is moved on for it.
    """

    request: str
    gets: dict[str, Any] | list[dict[str, Any]] | bytes
    hears: tuple[dict[str, Any], ...] = ()
    after: float = 0


def ask(action: str, **params: object) -> str:
    """A request in JSON."""
    return json.dumps({"action": action, "params": params})


OK = {"status": "OK"}
SAID = {"message": "HI", "room": "defaultRoom", "from": 0, "context": "user", "sentAt": 0}

DEVICE = "6f1cbd44-3c4a-4d5c-8b0c-5a3a6b0d9c11"
READING = {"at": "2026-01-31T12:00:00Z", "values": [1, 2.5]}

README_CALLS: dict[str, list[Call]] = {
    "place": [
        Call(
            ask("place", order={"drink": "tea", "cups": 2}),
            [
                {**SAID, "message": "2 x tea"},
                {"context": "response", "total": 5.0, "messageCount": 1},
            ],
            hears=({**SAID, "message": "2 x tea"},),
        ),
        Call(
            ask("place", order={"drink": "tea", "cups": 10}),
            {"error": "order.cups must be at most 9"},
        ),
    ],
}

CALLS: dict[str, list[Call]] = {
    "hello": [
        Call(ask("hello", name="Ada", times=2), {"greeting": "Hello, Ada! Hello, Ada!"}),
        Call("hello", {"error": "name is a required parameter for this action"}),
    ],
    "add-numbers": [
        Call(ask("add-numbers", a=1, b="2.5"), {"sum": 3.5}),
        Call(ask("add-numbers", a=1, b="x"), {"error": "b must be a number"}),
    ],
    "secret": [Call(ask("secret"), {"error": "log in first"})],
    "authenticate": [Call(ask("authenticate", device=DEVICE), OK)],
    "report": [
        Call(
            ask("report", device=DEVICE, reading=READING),
            {"error": "authenticate first", "code": 401},
        ),
        Call(ask("authenticate", device=DEVICE), OK),
        Call(ask("report", device=DEVICE, reading=READING, battery=5), {"stored": 1}),
        Call(ask("report", device=DEVICE, reading=json.dumps(READING)), {"stored": 2}),
        Call(
            ask("report", device=DEVICE, reading={**READING, "values": [1, 2, "x"]}, battery=120),
            {
                "error": "reading.values[2] must be a number",
                "errors": [
                    {
                        "param": "reading.values[2]",
                        "error": "reading.values[2] must be a number",
                    },
                    {"param": "battery", "error": "battery must be at most 100"},
                ],
            },
        ),
    ],
    "charge": [
        Call(ask("charge", battery=5), {"battery": 5}),
        Call(
            ask("charge", batery=5),
            {
                "error": "unknown param batery; did you mean battery?",
                "errors": [
                    {
                        "param": "batery",
                        "error": "unknown param batery; did you mean battery?",
                    },
                    {
                        "param": "battery",
                        "error": "battery is a required parameter for this action",
                    },
                ],
            },
        ),
    ],
    "search": [
        Call(
            ask("search", words=["a"], exact="TRUE", since="1e3"),
            {"words": ["a"], "limit": 100, "exact": True, "since": 1000},
        ),
        Call(
            ask("search", words='["a", 1]', limit="3.0", exact=0, since=""),
            {"words": ["a", 1], "limit": 3, "exact": False, "since": None},
        ),
        Call(ask("search", words="a"), {"error": "words must be a list"}),
        Call(ask("search", words=[], exact="yes"), {"error": "exact must be true or false"}),
        Call(ask("search", words=[], since=1.5), {"error": "since must be a whole number"}),
    ],
    "echo": [
        Call(
            ask("echo", api="x", connection="y", loud=1),
            {
                "loud": True,
                "params": {"api": "x", "connection": "y", "limit": 100, "offset": 0},
            },
        ),
    ],
    "makeTea": [Call(ask("makeTea", minutes=0.25), {"tea": "ready"}, after=15)],
    "later": [Call("later", {"waited": 1.0}, after=1)],
    "tail": [
        Call(ask("tail", lines=0), OK),
        Call(
            ask("later", seconds=1),
            {"waited": 1.0},
            after=1,
        ),
    ],
    "measure": [
        *[Call(ask("measure", value=1), OK)] * 5,
        Call(
            ask("measure", value="x"),
            {"error": "too many requests", "code": 429, "retryAfter": 200},
        ),
    ],
    "digest": [
        Call(
            ask("digest", password="secret", salt="salt"),
            {"digest": "eba9bb7eb94c6ebd8d2c4636469b51c6"},
        ),
    ],
    "login": [
        Call(
            ask("login", user="ada", password="byron"),
            [
                {
                    "context": "response",
                    "error": "wrong user or password",
                    "code": 401,
                    "messageCount": 1,
                }
            ],
        ),
        Call(ask("login", user="ada", password="lovelace"), OK),
    ],
    "whoAmI": [
        Call("whoAmI", {"error": "log in first"}),
        Call(ask("login", user="ada", password="lovelace"), OK),
        Call("whoAmI", {"user": "ada", "room": "defaultRoom"}),
    ],
    "price": [
        Call(ask("price", product="tea"), {"price": 300, "cached": False}, after=0.5),
        Call(ask("price", product="tea"), {"price": 300, "cached": True}),
        Call(ask("later", seconds=20), {"waited": 20.0}, after=20),
        Call(ask("later", seconds=20), {"waited": 20.0}, after=20),
        Call(ask("later", seconds=20), {"waited": 20.0}, after=20),
        Call(ask("price", product="tea"), {"price": 300, "cached": False}, after=0.5),
    ],
    "shout": [
        Call(
            ask("shout", text="hi"),
            [SAID, {"context": "response", **OK, "messageCount": 1}],
            (SAID,),
        )
    ],
    "whisper": [
        Call(
            ask("whisper", to="OTHER", text="hi"),
            OK,
            ({"whisper": "hi", "from": "ID", "context": "api"},),
        ),
        Call(ask("whisper", to="nobody", text="hi"), {"error": "nobody is not here"}),
    ],
    "annualReport": [
        Call(ask("annualReport", year=2024), {"error": "buy a ticket first"}),
        Call(
            "buyTicket",
            [
                {"left": 2, "context": "api"},
                {"left": 1, "context": "api"},
                {"ticket": True, "context": "response"},
            ],
        ),
        Call(ask("annualReport", year=2024), b"all is well\n"),
        Call(ask("annualReport", year=1), {"error": "The file, reports/1.txt, is not found."}),
    ],
    "buyTicket": [
        Call(
            "buyTicket",
            [
                {"left": 2, "context": "api"},
                {"left": 1, "context": "api"},
                {"ticket": True, "context": "response"},
            ],
        ),
    ],
    "meet": [Call(ask("meet", place="attic"), OK, after=10)],
    "visit": [Call("visit", {"visits": 1}), Call("visit", {"visits": 2})],
    "visitShop": [Call("visit", {"visits": 1}), Call("visitShop", {"visits": 2})],
    "randomNumber": [Call("randomNumber", {"randomNumber": 4})],
}


class Pool:
    """A thread pool without threads."""

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], None], call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        """Calls the function at once."""
        try:
            result = call(*args, **kwargs)
        except Exception:
            done(False, Failure())
        else:
            done(True, result)


class Reactor(support.Reactor):
    """A reactor whose threads run at once."""

    def getThreadPool(self) -> Pool:
        return Pool()


def examples(page: Path) -> dict[str, str]:
    """The examples of a page, by the file that their first line names."""
    found: dict[str, str] = {}
    for name, code in _EXAMPLE.findall(page.read_text(encoding="utf-8")):
        assert name not in found, name
        found[name] = f"# {name}\n{code}"
    return found


class ExampleTests(SynchronousTestCase):
    """Each example, through the whole stack, without a network."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        report = self.folder / "public" / "reports" / "2024.txt"
        report.parent.mkdir(parents=True)
        report.write_text("all is well\n")

    def write(self, page: Path) -> None:
        """Writes the examples of a page to the folder."""
        for name, code in examples(page).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, encoding="utf-8")

    def check(self, page: Path, table: dict[str, list[Call]]) -> None:
        """Loads the examples of a page, and calls each as its table says."""
        self.write(page)
        loaded = loader.load(str(self.folder / "actions")).actions
        self.assertEqual(set(table), set(loaded))
        for name, calls in table.items():
            self.assertTrue(any(name in call.request for call in calls), name)
            self.call_all(calls)

    def connect(self) -> tuple[support.Client, support.Client]:
        """A client of a new server, and another one in its room."""
        values = {
            ("general", "actions_directory"): str(self.folder / "actions"),
            ("general", "flat_file_directory"): str(self.folder / "public"),
        }
        server, reactor = support.make_server(values, Reactor())
        server.lifecycle.start()
        service = server.service
        client, other = support.Client(service, reactor), support.Client(service, reactor)
        client.raw()
        other.raw()
        return client, other

    def call_all(self, calls: list[Call]) -> None:
        """Makes some calls of one client."""
        client, other = self.connect()
        assert client.protocol.connection is not None
        assert other.protocol.connection is not None
        ids = {client.protocol.connection.id: "ID", other.protocol.connection.id: "OTHER"}
        for number, call in enumerate(calls, 1):
            request = call.request
            for id, name in ids.items():
                request = request.replace(f'"{name}"', f'"{id}"')
            client.send(request.encode() + b"\n")
            if call.after:
                self.assertEqual(b"", client.raw(), call)
                client.reactor.advance(call.after)
            for _ in range(3):
                client.reactor.advance(0)
            data = client.raw()
            if isinstance(call.gets, bytes):
                self.assertEqual(call.gets, data)
                continue
            expected = call.gets
            if isinstance(expected, dict):
                expected = [{"context": "response", **expected, "messageCount": number}]
            self.assert_messages(expected, data, ids, call)
            self.assert_messages(list(call.hears), other.raw(), ids, call)

    def assert_messages(
        self, expected: list[dict[str, Any]], data: bytes, ids: dict[str, str], call: Call
    ) -> None:
        """Compares messages, the order of their keys included; times and ids aside."""
        text = re.sub(r'"sentAt":\d+', '"sentAt":0', data.decode())
        for id, name in ids.items():
            text = text.replace(id, name)
        lines = [
            json.dumps(message, separators=(",", ":"), ensure_ascii=False) for message in expected
        ]
        self.assertEqual("".join(f"{line}\r\n" for line in lines), text, call)

    def test_readme(self) -> None:
        self.check(README, README_CALLS)

    def test_actions(self) -> None:
        self.check(ACTIONS, CALLS)

    def test_cleaning_up(self) -> None:
        self.write(ACTIONS)
        client, other = self.connect()
        client.send(b'{"action":"meet","params":{"place":"attic"}}\n')
        taken = {"context": "response", "error": "attic is taken", "messageCount": 1}
        self.assertEqual(taken, other.ask('{"action":"meet","params":{"place":"attic"}}'))
        client.transport.loseConnection()
        other.reactor.advance(0)
        other.raw()
        other.send(b'{"action":"meet","params":{"place":"attic"}}\n')
        other.reactor.advance(10)
        (answer,) = other.lines()
        self.assertEqual("OK", answer["status"])

    def test_time_limit(self) -> None:
        self.write(ACTIONS)
        client, _ = self.connect()
        client.send(b"makeTea\n")
        client.reactor.advance(30)
        (answer,) = client.lines()
        self.assertEqual("makeTea did not finish within 30 seconds", answer["error"])

    def test_tests(self) -> None:
        self.write(ACTIONS)
        command = [sys.executable, "-m", "twisted.trial", "--temp-directory=trial", "test_actions"]
        ran = subprocess.run(
            command,
            cwd=self.folder,
            env={"PYTHONPATH": str(support.ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.assertEqual(0, ran.returncode, ran.stdout.decode())

    def test_every_example_names_its_file(self) -> None:
        for page in (ACTIONS, README):
            text = page.read_text(encoding="utf-8")
            self.assertEqual(text.count("\n```python"), len(examples(page)), page)

    def test_the_pages_agree(self) -> None:
        name = "actions/hello.py"
        self.assertIn(examples(ACTIONS)[name], QUICKSTART.read_text(encoding="utf-8"))

    def test_examples_are_formatted(self) -> None:
        for page in (ACTIONS, README, support.ROOT / "docs" / "protocol.md"):
            self.write(page)
        command = [str(Path(sys.executable).parent / "ruff"), "format", "--check", "--quiet"]
        command += ["--config", str(support.ROOT / "pyproject.toml"), str(self.folder)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(0, ran.returncode, ran.stdout.decode())
