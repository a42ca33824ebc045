"""The installed daemon in development mode: files change, clients stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import Daemon, wait_for
from tests.support.integration import OwnDaemonTestCase, Talker, request, write_files

HEAD = "from actionhero_tcp import action\n\n\n"

SHARED = "VALUE = {value}\n"

USER = f"""{HEAD}from ._shared import VALUE


@action
def use(api, connection):
    return {{"v": VALUE}}
"""

AFTER = """
from actionhero_tcp import after_action


@after_action
def mark(api, connection, call):
    call.response["mark"] = %d
"""

SLOW = """
from twisted.internet.task import deferLater

from actionhero_tcp import action


@action
async def slow(api, connection):
    connection.send({"begun": True})
    while not connection.attributes.get("go"):
        await deferLater(api.reactor, 0.01)
    return {"slow": %d}


@action
def go(api, connection):
    connection.attributes["go"] = True
"""

BLOCKING = """
import time

from actionhero_tcp import action


@action
def freshlyMade(api, connection):
    time.sleep(0.6)
"""


def hello(value: int) -> str:
    """The text of an action, of the same length for all digits."""
    return HEAD + f"@action\ndef hello(api, connection):\n    return {{'v': {value}}}\n"


class DevelopmentTests(OwnDaemonTestCase):
    """A daemon in development mode."""

    def begin(self, files: dict[str, str | bytes]) -> Talker:
        """A client of a new daemon whose folder holds these files."""
        self.daemon = self.start("--development-mode", "--announce-limit=0", files=files)
        return self.join(self.daemon)

    def write(self, name: str, text: str) -> None:
        write_files(self.daemon.folder, {name: text})

    def until(
        self, client: Talker, line: str, condition: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        """Asks until the answer is as it is to be, and gives that."""

        def ask() -> dict[str, Any] | None:
            answer = client.ask(line)
            return answer if condition(answer) else None

        return wait_for(ask, f"another answer to {line}")

    def assert_logged(self, count: int, text: str) -> None:
        """The log comes to say something so often, and not more often."""
        self.assertEqual(count, self.daemon.wait_for_log(text, count).count(text))

    def test_a_client_stays_through_twenty_changes_and_never_gets_an_error(self) -> None:
        client = self.begin({"actions/hello.py": hello(0)})
        other = self.join(self.daemon)
        path = self.daemon.folder / "actions" / "hello.py"
        asked = 0
        for change in range(1, 21):
            old, new = (change - 1) % 10, change % 10
            if change % 2:
                # As editors do it that write beside the file, and rename.
                beside = Path(f"{path}.tmp")
                beside.write_text(hello(new))
                beside.replace(path)
            else:
                # In place, of the same size, with no moment in which it is empty.
                with path.open("r+") as file:
                    file.write(hello(new))
            answer: dict[str, Any] = {}
            while answer.get("v") != new:
                for line in ("hello", request("hello")):
                    answer = client.ask(line)
                    asked += 1
                    self.assertIn(answer.get("v"), (old, new), answer)
                    self.assertEqual(asked, answer["messageCount"])
                    self.assertEqual({"context", "v", "messageCount"}, set(answer))
        self.assertEqual(1, other.ask("hello")["messageCount"])
        self.assert_logged(20, "loaded: actions/hello.py")
        self.assert_logged(1, "loaded 1 actions and 0 hooks from ")
        self.stop(self.daemon)

    def test_a_fault_is_told_to_who_asks_until_it_is_mended(self) -> None:
        client = self.begin({"actions/hello.py": hello(1), "actions/other.py": ""})
        fault = "actions/hello.py:2: invalid syntax"
        self.write("actions/hello.py", "\n= =\n")
        answer = self.until(client, "hello", lambda answer: "fault" in answer)
        self.assertEqual((1, fault), (answer["v"], answer["fault"]))
        self.assertEqual(fault, client.ask("nope")["fault"])
        self.assertNotIn("fault", client.ask("randomNumber"))
        self.write("actions/other.py", HEAD)
        self.daemon.wait_for_log("loaded: actions/other.py")
        self.assert_logged(1, f"{self.daemon.folder}/{fault}; the old version stays")
        self.write("actions/hello.py", hello(2))
        answer = self.until(client, "hello", lambda answer: "fault" not in answer)
        self.assertEqual(2, answer["v"])
        self.assertNotIn("fault", client.ask("nope"))
        self.stop(self.daemon)

    def test_files_come_and_go(self) -> None:
        client = self.begin({})
        self.assertIn("error", client.ask("hello"))
        self.write("actions/deep/down/hello.py", hello(1))
        self.until(client, "hello", lambda answer: answer.get("v") == 1)
        names = [known["name"] for known in client.ask("actionsView")["actions"]]
        self.assertIn("hello", names)
        (self.daemon.folder / "actions/deep/down/hello.py").unlink()
        self.until(client, "hello", lambda answer: "error" in answer)
        self.stop(self.daemon)

    def test_what_is_shared_is_loaded_anew_with_who_uses_it(self) -> None:
        files = {"actions/_shared.py": SHARED.format(value=1), "actions/use.py": USER}
        client = self.begin(dict(files))
        for value in range(2, 6):
            self.write("actions/_shared.py", SHARED.format(value=value))
            self.until(client, "use", lambda answer, value=value: answer["v"] == value)
        self.assertEqual([], list(self.daemon.folder.rglob("__pycache__")))
        self.stop(self.daemon)

    def test_hooks_change_around_all_actions(self) -> None:
        client = self.begin({"actions/hello.py": hello(1)})
        for value in (1, 2):
            self.write("actions/hooks.py", AFTER % value)
            for line in ("hello", "randomNumber"):
                self.until(client, line, lambda answer, value=value: answer.get("mark") == value)
        (self.daemon.folder / "actions/hooks.py").unlink()
        self.until(client, "hello", lambda answer: "mark" not in answer)
        self.stop(self.daemon)

    def test_what_runs_ends_with_the_code_it_began_with(self) -> None:
        client, other = self.begin({"actions/slow.py": SLOW % 1}), self.join(self.daemon)
        self.assertEqual({"begun": True, "context": "api"}, client.ask("slow"))
        self.write("actions/slow.py", SLOW % 2)
        self.daemon.wait_for_log("loaded: actions/slow.py")
        client.send(b"go\n")
        first, second = sorted(client.messages(2), key=lambda line: line["messageCount"])
        self.assertEqual([1, "OK"], [first["slow"], second["status"]])
        other.send(b"go\nslow\n")
        self.assertEqual(2, other.messages(3)[-1]["slow"])
        self.stop(self.daemon)

    def test_the_log_names_a_new_action_that_blocks(self) -> None:
        client = self.begin({})
        self.write("actions/blocking.py", BLOCKING)
        self.until(client, "freshlyMade", lambda answer: "error" not in answer)
        self.daemon.wait_for_log("by the action freshlyMade")

    def test_a_changed_config_file_is_in_force_and_what_needs_a_restart_is_named(self) -> None:
        config = {"general": {"welcomeMessage": "one", "serverName": "old"}}
        folder = self.folder({"config.json": json.dumps(config)})
        path = folder / "config.json"
        running = self.start("--development-mode", f"--config={path}")
        self.daemon = running

        def welcome(running: Daemon = running) -> str:
            with running.connect() as stream:
                return str(Talker(stream).message()["welcome"])

        self.assertEqual("one", welcome())
        path.write_text('{"general": {"welcomeMessage": "two", "serverName": "new"}}')
        wait_for(lambda: welcome() == "two", "another welcome")
        self.assert_logged(1, "these changes need a restart: general.serverName")
        path.write_text('{"general": {"welcomeMessage": "two"')
        self.daemon.wait_for_log("the reload has changed nothing")
        self.assertEqual("two", welcome())
        path.write_text('{"general": {"welcomeMessage": "three", "serverName": "old"}}')
        wait_for(lambda: welcome() == "three", "another welcome")
        self.assert_logged(1, "these changes need a restart")
        self.stop(running)

    def test_it_is_for_one_process(self) -> None:
        said = self.refusal(
            self.folder(), "--development-mode", "--workers=2", "--redis=redis://127.0.0.1:1"
        )
        self.assertIn("development mode is for one process, not for 2 workers", said)

    def test_a_fault_at_the_start_ends_it(self) -> None:
        folder = self.folder({"actions/hello.py": "= =\n"})
        said = self.refusal(folder, "--development-mode")
        self.assertIn(f"{folder.resolve()}/actions/hello.py:1: invalid syntax", said)

    def test_without_it_nothing_is_loaded(self) -> None:
        running = self.start(files={"actions/hello.py": hello(1)})
        client = self.join(running)
        (running.folder / "actions" / "hello.py").write_text("= =")
        self.assertEqual({"context": "response", "v": 1, "messageCount": 1}, client.ask("hello"))
        self.assertNotIn("fault", client.ask("nope"))
        self.assertNotIn("development mode", running.log)
