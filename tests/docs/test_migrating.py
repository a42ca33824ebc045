"""docs/migrating.md: its action runs, its config file loads, and what it claims has a place."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import config_file, configuration
from tests import support
from tests.docs.test_actions import examples
from tests.docs.test_protocol import fences

PAGE = support.ROOT / "docs" / "migrating.md"
TEXT = PAGE.read_text("utf-8")


def section(heading: str) -> str:
    """The part of the page below a heading."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def rows(heading: str) -> list[list[str]]:
    """The rows of the tables in a section, without their heads."""
    table = re.findall(r"^\| (.*) \|$", section(heading), re.MULTILINE)
    return [row.split(" | ") for row in table if not row.startswith("---")][1:]


class ActionTests(SynchronousTestCase):
    """The action in Python."""

    def test_it_does_what_the_old_one_did(self) -> None:
        folder = Path(self.mktemp())
        for name, code in examples(PAGE).items():
            path = folder / name
            path.parent.mkdir(parents=True)
            path.write_text(code)
        values = {("general", "actions_directory"): str(folder / "actions")}
        client = support.Client(*support.make_service(values))
        for request, answer in (
            ({}, {"error": "page is a required parameter for this action"}),
            ({"page": "index", "step": "0"}, {"error": "step must be at least 1"}),
            ({"page": "index"}, {"page": "index", "visits": 1}),
            ({"page": "index", "step": "2"}, {"page": "index", "visits": 3}),
        ):
            got = client.ask(json.dumps({"action": "visits", "params": request}))
            self.assertEqual(answer, {key: got[key] for key in answer})
        actions = client.ask("actionsView")["actions"]
        (shown,) = (action for action in actions if action["name"] == "visits")
        inputs = {"required": ["page"], "optional": ["step"]}
        for key, value in (
            ("description", "I count the visits of a page"),
            ("inputs", inputs),
            ("outputExample", {"page": "index", "visits": 3}),
        ):
            self.assertEqual(value, shown[key])


class ConfigTests(SynchronousTestCase):
    """The config file in JSON."""

    def test_it_loads_and_names_what_the_old_one_did(self) -> None:
        *_, new = (content for _, info, content in fences(PAGE) if info == "json")
        (old,) = (c for _, _, c in fences(PAGE) if c.startswith("// config.js"))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config.json"
            path.write_text(new)
            self.assertTrue(config_file.read_file(str(path)))
        keys = set(re.findall(r'"(\w+)":', old)) - {"apiVersion"}
        self.assertEqual(keys, {key for part in json.loads(new).values() for key in part})

    def test_what_to_set_for_each_generation_loads(self) -> None:
        found = [content for _, info, content in fences(PAGE) if info == "json"]
        self.assertGreaterEqual(len(found), 4)
        path = Path(self.mktemp())
        for content in found:
            path.write_text(content)
            self.assertTrue(config_file.read_file(str(path)), content)

    def test_names_are_those_of_the_configuration(self) -> None:
        known = {f"{info.section_key}.{info.key}" for info in configuration.fields()}
        named = set()
        for _, here in rows("The config file, before and after"):
            named |= set(re.findall(r"`((?:general|tcpServer|log|redis|limits)\.\w+)`", here))
        self.assertGreater(len(named), 4)
        self.assertEqual(set(), named - known)


class ClaimTests(SynchronousTestCase):
    """The tables."""

    def test_each_claim_leads_to_where_it_is_shown(self) -> None:
        for heading, least in (("What is the same", 9), ("What is better", 15)):
            found = rows(heading)
            self.assertGreaterEqual(len(found), least)
            for row in found:
                self.assertRegex(row[-1], r"\]\([\w./#-]+\.md", row)
