"""The recipes of docs/cookbook.md, each with a real daemon."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from twisted.trial.unittest import SynchronousTestCase

from tests import support
from tests.docs.test_actions import examples
from tests.support.integration import OwnDaemonTestCase, Talker

PAGE = support.ROOT / "docs" / "cookbook.md"

RECIPES = examples(PAGE)


class RecipeTestCase(OwnDaemonTestCase):
    """Tests of one recipe.

    Attributes:
        recipe: The name of its file, without its folder and its suffix.
    """

    recipe: ClassVar[str]

    def serve(self, **files: str | bytes) -> support.Daemon:
        """A daemon with this recipe and no other."""
        name = f"actions/{self.recipe}.py"
        return self.start(files={name: RECIPES[name], **files})

    def answer(self, client: Talker, action: str, **params: Any) -> dict[str, Any]:
        """What an action answers, without context and messageCount."""
        message = client.ask_json(action, **params)
        self.assertEqual("response", message.pop("context"), message)
        del message["messageCount"]
        return message


class AuthenticationTests(RecipeTestCase):
    """Authentication."""

    recipe = "authentication"
    refused: ClassVar = {"error": "log in first", "code": 401}

    def test_strangers_can_do_nothing(self) -> None:
        stranger = self.join(self.serve())
        for line in ("say hello", "roomChange kitchen", "randomNumber", "cacheTest"):
            answer = stranger.ask(line)
            self.assertEqual(self.refused, {key: answer.get(key) for key in self.refused}, line)
        for user, password in (("ada", "byron"), ("nobody", "lovelace"), ("nobody", "x")):
            answer = self.answer(stranger, "login", user=user, password=password)
            self.assertEqual({"error": "wrong user or password", "code": 401}, answer)
        self.assertEqual(self.refused, self.answer(stranger, "randomNumber"))

    def test_a_login_and_its_token(self) -> None:
        running = self.serve()
        client = self.join(running)
        login = self.answer(client, "login", user="ada", password="lovelace")
        self.assertEqual("ada", login["user"])
        self.assertIn("randomNumber", self.answer(client, "randomNumber"))
        self.assertEqual("OK", client.ask("roomChange kitchen")["status"])
        self.assertEqual("OK", client.ask("say hello")["status"])
        client.close()
        again = self.join(running)
        resumed = self.answer(again, "resume", token=login["token"])
        self.assertEqual("ada", resumed["user"])
        self.assertNotEqual(login["token"], resumed["token"])
        self.assertIn("randomNumber", self.answer(again, "randomNumber"))
        used = {"error": "this token is used, or too old; log in", "code": 401}
        late = self.join(running)
        self.assertEqual(used, self.answer(late, "resume", token=login["token"]))
        self.stop(running)
        self.assertNotIn("lovelace", running.log)
        self.assertNotIn(login["token"], running.log)


class ClockTests(SynchronousTestCase):
    """Periodic pushes to a room, with a clock of the test's own."""

    def test_the_room_gets_the_time(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "clock.py").write_text(RECIPES["actions/clock.py"])
        service, reactor = support.make_service({("general", "actions_directory"): str(folder)})
        service.startService()
        member, other = support.Client(service, reactor), support.Client(service, reactor)
        member.ask("roomChange clock")
        other.raw()
        for _ in range(2):
            reactor.advance(9.9)
            self.assertEqual([], member.lines())
            reactor.advance(0.1)
            (message,) = member.lines()
            self.assertEqual({"clock", "context"}, set(message))
        self.assertEqual([], other.lines())
        service.stopService()
        service.cut_short()
        reactor.advance(60)
        self.assertEqual([], reactor.getDelayedCalls())


class FollowTests(RecipeTestCase):
    """Periodic pushes to one client."""

    recipe = "follow"

    def test_a_client_is_told_until_it_asks_no_more(self) -> None:
        running = self.serve()
        client = self.join(running)
        client.ask("roomChange alone")
        few = {"error": "seconds must be at least 0.5"}
        self.assertEqual(few, self.answer(client, "follow", seconds=0.1))
        self.assertEqual({"status": "OK"}, self.answer(client, "follow", seconds=0.5))
        told = {"clients": 1, "context": "api"}
        self.assertEqual([told, told], client.messages(2))
        self.assertEqual({"status": "OK"}, self.answer(client, "follow", seconds=60))
        self.assertEqual({"status": "OK"}, self.answer(client, "unfollow"))
        gone = self.join(running)
        self.answer(gone, "follow", seconds=0.5)
        self.assertEqual({"clients": 2, "context": "api"}, gone.message())
        gone.reset()
        self.answer(client, "follow", seconds=0.5)
        support.wait_for(lambda: client.message() == told, "the other to be gone")
        self.stop(running)


GATE = """
import threading

from actionhero_tcp import action

opened = threading.Event()


@action
def closeGate(api, connection):
    threads = api.reactor.getThreadPool()
    for _ in range(threads.max):
        threads.callInThread(opened.wait)


@action
def openGate(api, connection):
    opened.set()
"""
"""Keeps the threads of the server busy, so that no job can end."""


class JobTests(RecipeTestCase):
    """Background work."""

    recipe = "jobs"
    content = os.urandom(200_000)

    def test_a_client_is_told_when_its_job_is_done(self) -> None:
        running = self.serve(**{"public/large.bin": self.content})
        client = self.join(running)
        self.assertEqual(
            {"error": "The file, nope, is not found."},
            self.answer(client, "checksum", fileName="nope"),
        )
        gone = self.join(running)
        client.line()
        gone.send(b'{"action":"checksum","params":{"fileName":"large.bin"}}\n')
        gone.reset()
        client.line()
        sent = b'{"action":"checksum","params":{"fileName":"large.bin"}}\n' * 10
        messages = client.pipeline(sent, 20)
        numbers = [message["job"] for message in messages if message["context"] == "response"]
        done = [message for message in messages if message["context"] == "api"]
        self.assertEqual(sorted(numbers), sorted(message["job"] for message in done))
        self.assertEqual(
            {hashlib.sha256(self.content).hexdigest()}, {message["checksum"] for message in done}
        )
        self.stop(running)

    def test_there_are_not_too_many(self) -> None:
        running = self.serve(**{"public/large.bin": self.content, "actions/gate.py": GATE})
        client = self.join(running)
        client.ask("closeGate")
        messages = client.pipeline(
            b'{"action":"checksum","params":{"fileName":"large.bin"}}\n' * 30, 30
        )
        refused = [message for message in messages if "error" in message]
        self.assertEqual(8, len(refused), messages)
        self.assertEqual(
            {"there are too many jobs; try again later"}, {each["error"] for each in refused}
        )
        client.send(b"openGate\n")
        done = [message for message in client.messages(23) if message["context"] == "api"]
        self.assertEqual({*range(1, 23)}, {message["job"] for message in done})
        self.assertIn("job", self.answer(client, "checksum", fileName="large.bin"))
        self.stop(running)


class NoteTests(RecipeTestCase):
    """A database."""

    recipe = "notes"

    def test_notes_are_kept(self) -> None:
        folder = self.folder({f"actions/{self.recipe}.py": RECIPES[f"actions/{self.recipe}.py"]})
        self.patch_environment("STATE_DIRECTORY", str(folder))
        with support.daemon(folder=str(folder)) as running:
            client = self.join(running)
            self.assertEqual({"notes": []}, self.answer(client, "notes"))
            for title in ("b", "a", "'; DROP TABLE notes; --"):
                saved = self.answer(client, "saveNote", title=title, text="it's ☃")
                self.assertEqual({"status": "OK"}, saved)
            taken = {"error": "there is a note a already"}
            self.assertEqual(taken, self.answer(client, "saveNote", title="a", text="again"))
            self.stop(running)
        with support.daemon(folder=str(folder)) as running:
            client = self.join(running)
            found = self.answer(client, "notes", offset=1)
            note = {"text": "it's ☃"}
            self.assertEqual({"notes": [{"title": "a", **note}, {"title": "b", **note}]}, found)
            self.assertEqual(1, len(self.answer(client, "notes", limit=1)["notes"]))
            self.stop(running)

    def test_without_its_database_it_does_not_start(self) -> None:
        folder = self.folder({f"actions/{self.recipe}.py": RECIPES[f"actions/{self.recipe}.py"]})
        with patch.dict(os.environ, STATE_DIRECTORY=str(folder / "nowhere")):
            said = self.refusal(folder, "--log-file=server.log")
        self.assertIn("the hook 'open_pool' (@on_start) failed: OperationalError: unable", said)

    def patch_environment(self, name: str, value: str) -> None:
        """Sets a variable of the environment for this test."""
        self.patch(os, "environ", {**os.environ, name: value})


class JournalTests(RecipeTestCase):
    """A database, with asyncio."""

    recipe = "journal"
    reactor = "uvloop"

    def test_entries_are_kept(self) -> None:
        folder = self.folder()
        self.patch(os, "environ", {**os.environ, "STATE_DIRECTORY": str(folder)})
        for found in ([], ["a", "b", "c'"]):
            running = self.serve()
            client = self.join(running)
            entries = self.answer(client, "entries")["entries"]
            self.assertEqual(found, [each["title"] for each in entries])
            for title in ("b", "a", "c'") if not found else ():
                saved = self.answer(client, "saveEntry", title=title, text="it's ☃")
                self.assertEqual({"status": "OK"}, saved)
            taken = {"error": "there is an entry a already"}
            self.assertEqual(taken, self.answer(client, "saveEntry", title="a", text="again"))
            self.assertEqual(1, len(self.answer(client, "entries", limit=1)["entries"]))
            self.stop(running)


class WeatherService(BaseHTTPRequestHandler):
    """A service that knows a city, does not know others, and hangs for one."""

    asked: ClassVar[list[str]] = []
    released = threading.Event()

    def do_GET(self) -> None:
        """Answers by city."""
        (city,) = parse_qs(urlsplit(self.path).query)["city"]
        self.asked.append(city)
        if city == "Atlantis":
            self.released.wait(support.PATIENCE)
            return
        status, body = {
            "Zürich": (200, b'{"sky":"blue"}'),
            "Babel": (200, b"\xff"),
        }.get(city, (404, b'"unknown"'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class WeatherTests(RecipeTestCase):
    """Calling HTTP."""

    recipe = "weather"
    action = "weather"
    bad_status = "ValueError('status 404"

    def setUp(self) -> None:
        WeatherService.asked.clear()
        WeatherService.released.clear()
        self.service = ThreadingHTTPServer(("127.0.0.1", 0), WeatherService)
        serving = threading.Thread(target=self.service.serve_forever, args=(0.01,))
        serving.start()
        self.addCleanup(serving.join)
        self.addCleanup(self.service.server_close)
        self.addCleanup(self.service.shutdown)
        self.addCleanup(WeatherService.released.set)
        address = f"http://127.0.0.1:{self.service.server_port}/weather"
        self.patch(os, "environ", {**os.environ, "WEATHER_URL": address})

    unknown: ClassVar = {"error": "the weather is not known now; try again later"}

    def test_the_weather(self) -> None:
        running = self.serve()
        client = self.join(running)
        for _ in range(2):
            found = self.answer(client, self.action, city="Zürich")
            self.assertEqual({"weather": {"sky": "blue"}}, found)
        self.assertEqual(["Zürich"], WeatherService.asked)
        for city in ("Nowhere", "Babel", "Atlantis"):
            self.assertEqual(self.unknown, self.answer(client, self.action, city=city))
        for told in (f"no weather of 'Nowhere': {self.bad_status}", "no weather of 'Atlantis': "):
            running.wait_for_log(told)
        self.stop(running)

    def test_nobody_is_there(self) -> None:
        self.patch(os, "environ", {**os.environ, "WEATHER_URL": "http://127.0.0.1:1/"})
        running = self.serve()
        self.assertEqual(self.unknown, self.answer(self.join(running), self.action, city="Bern"))
        self.stop(running)


class ForecastTests(WeatherTests):
    """Calling HTTP, with asyncio."""

    recipe = "forecast"
    action = "forecast"
    reactor = "uvloop"
    bad_status = "HTTPStatusError(\"Client error '404"


class PageTests(SynchronousTestCase):
    """The page as a whole."""

    def test_every_recipe_has_a_test(self) -> None:
        tested = {
            "clock",
            *(case.recipe for case in RecipeTestCase.__subclasses__()),
            ForecastTests.recipe,
        }
        self.assertEqual({f"actions/{name}.py" for name in tested}, set(RECIPES))
        self.assertEqual(PAGE.read_text("utf-8").count("\n```python"), len(RECIPES))

    def test_recipes_are_formatted(self) -> None:
        folder = Path(self.mktemp())
        for name, code in RECIPES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code, encoding="utf-8")
        ruff = str(Path(sys.executable).parent / "ruff")
        config = ["--config", str(support.ROOT / "pyproject.toml")]
        # Ruff takes what is not in the tree that it looks at for somebody else's.
        same = "lint.isort.known-first-party = ['actionhero_tcp']"
        for command in (["format", "--check", "--quiet"], ["check", "--quiet", "--config", same]):
            ran = subprocess.run(
                [ruff, *command, *config, str(folder)], capture_output=True, text=True
            )
            self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)
