"""`actionhero-tcp schema`."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import jsonschema
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.cli import main
from tests import support

ACTION = """
from msgspec import Struct
from actionhero_tcp import action


class Sum(Struct):
    total: float


@action(errors={400: "too large"})
def add(api, connection, *, a: float, b: float = 0.0) -> Sum:
    '''Add two numbers.'''
    return Sum(a + b)
"""


class SchemaCommandTests(SynchronousTestCase):
    """The command, as the shell calls it."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        (self.folder / "actions").mkdir()
        (self.folder / "public").mkdir()
        (self.folder / "actions" / "add.py").write_text(ACTION)
        self.config = self.folder / "config.json"
        self.configure(serverName="Sums")

    def configure(self, **general: object) -> None:
        """Writes the config file."""
        folders = {"actionsDirectory": "actions", "flatFileDirectory": "public"}
        text = json.dumps({"general": {**folders, **general}})
        self.config.write_text(text)

    def call(self, *arguments: str) -> tuple[int, str, str]:
        """The exit status of a command line, and what it printed."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main.main(["schema", *arguments])
        return status, out.getvalue(), err.getvalue()

    def document(self, *arguments: str) -> dict[str, Any]:
        """What it prints where all is well."""
        status, out, err = self.call("--config", str(self.config), *arguments)
        self.assertEqual((0, ""), (status, err))
        found: dict[str, Any] = json.loads(out)
        return found

    def test_schemas_of_all_actions(self) -> None:
        actions = self.document()["actions"]
        self.assertIn("randomNumber", actions)
        for name in actions:
            for key in ("inputSchema", "outputSchema"):
                jsonschema.Draft202012Validator.check_schema(actions[name][key])
        add = actions["add"]
        self.assertEqual("Add two numbers.", add["description"])
        self.assertEqual(["a"], add["inputSchema"]["required"])
        self.assertEqual([{"code": 400, "error": "too large"}], add["errors"])
        jsonschema.validate({"total": 1.5}, add["outputSchema"])

    def test_an_asyncapi_document(self) -> None:
        found = self.document("--asyncapi")
        schema = support.ROOT / "tests" / "support" / "asyncapi-3.0.0.json"
        jsonschema.Draft7Validator(json.loads(schema.read_text())).validate(found)
        self.assertEqual("Sums", found["info"]["title"])
        for name in ("add", "randomNumber", "say", "welcome"):
            self.assertIn(name, found["operations"])

    def test_the_actions_may_be_elsewhere(self) -> None:
        status, out, _ = self.call("--config", str(self.config), "--actions", str(self.folder))
        self.assertEqual(0, status)
        self.assertIn("add", json.loads(out)["actions"])

    def test_all_actions_may_be_strict(self) -> None:
        self.configure(strictParams=True)
        add = self.document()["actions"]["add"]
        self.assertIs(False, add["inputSchema"]["additionalProperties"])

    def test_what_is_wrong_is_one_line(self) -> None:
        (self.folder / "actions" / "bad.py").write_text("import missing_module\n")
        status, out, err = self.call("--config", str(self.config))
        self.assertEqual((1, ""), (status, out))
        self.assertIn("bad.py:1: cannot import the action file", err)
        self.assertEqual(1, len(err.splitlines()))
        status, out, err = self.call("--config", str(self.folder / "none.json"))
        self.assertEqual((1, ""), (status, out))
        self.assertIn("none.json", err)
        self.assertEqual(1, len(err.splitlines()))
