"""The workflows for a public forge: they parse, and run what the Makefile has."""

from __future__ import annotations

import re
from configparser import ConfigParser
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

FOLDER = ROOT / ".github" / "workflows"

TARGETS = set(re.findall(r"(?m)^([a-z][a-z-]*):", (ROOT / "Makefile").read_text()))


def read(name: str) -> dict[Any, Any]:
    """A workflow."""
    found: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return found


class WorkflowTests(SynchronousTestCase):
    """What each of them has."""

    names = ("ci.yml", "nightly.yml")

    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs of all of them."""
        return {name: job for file in self.names for name, job in read(file)["jobs"].items()}

    def test_there_are_no_others(self) -> None:
        self.assertEqual({*self.names}, {path.name for path in FOLDER.iterdir()})

    def test_each_step_is_an_action_of_a_version_or_a_command(self) -> None:
        for name, job in self.jobs().items():
            for step in job["steps"]:
                if "uses" in step:
                    self.assertRegex(step["uses"], r"^actions/[\w-]+@v\d+$", name)
                else:
                    self.assertRegex(step["run"], r"^(make|git config) ", name)

    def test_each_target_exists(self) -> None:
        called = set()
        for job in self.jobs().values():
            for step in job["steps"]:
                called |= set(re.findall(r"^make ([\w-]+)", step.get("run", "")))
        self.assertEqual({"dist", "docs", "latest", "test", "trunk", "unit"}, called)
        self.assertLessEqual(called, TARGETS)

    def test_the_unit_tests_run_on_each_python_that_is_promised(self) -> None:
        setup = ConfigParser()
        setup.read(ROOT / "setup.cfg")
        promised = re.findall(r":: (3\.\d+)\n", setup["metadata"]["classifiers"] + "\n")
        self.assertEqual(promised, self.jobs()["unit"]["strategy"]["matrix"]["python"])

    def test_no_job_may_write_or_run_for_ever(self) -> None:
        for file in self.names:
            self.assertEqual({"contents": "read"}, read(file)["permissions"])
        for name, job in self.jobs().items():
            self.assertLessEqual(job["timeout-minutes"], 90, name)

    def test_the_nightly_run_has_a_time(self) -> None:
        # YAML reads the key `on` as true.
        (entry,) = read("nightly.yml")[True]["schedule"]
        self.assertEqual(5, len(entry["cron"].split()))
