"""Tests of `tools.constraints`: the pins of what is installed."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

from packaging.requirements import Requirement
from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT
from tools import constraints, scanner


def requirements() -> dict[str, list[str]]:
    """What `setup.cfg` requires: by extra, and without any."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = {name: text.split("\n") for name, text in setup["options.extras_require"].items()}
    extras[""] = setup["options"]["install_requires"].split("\n")
    return {name: [line for line in lines if line.strip()] for name, lines in extras.items()}


class PinTests(SynchronousTestCase):
    """Each direct requirement is pinned, at a version that it allows."""

    def check(self, pinned: dict[str, str], lines: list[str]) -> None:
        for line in lines:
            requirement = Requirement(line)
            name = constraints.name_of(requirement.name)
            self.assertIn(name, pinned, "run `make constraints`")
            self.assertTrue(requirement.specifier.contains(pinned[name]), line)

    def test_what_make_installs(self) -> None:
        extras = requirements()
        self.assertTrue(extras[""])
        scan = extras.pop("scan")
        for lines in extras.values():
            self.check(constraints.read(), lines)
        self.check(constraints.read(scanner.CONSTRAINTS), scan)

    def test_what_builds_the_package(self) -> None:
        self.check(constraints.read(), ["setuptools >= 65", "wheel"])

    def test_what_is_held_back_is_pinned_and_has_a_reason(self) -> None:
        for name, reason in constraints.HELD_BACK.items():
            self.assertIn(name, constraints.read())
            self.assertGreater(len(reason), 20, name)


class FileTests(SynchronousTestCase):
    """The file of pins."""

    def test_what_is_written_is_read(self) -> None:
        path = Path(self.mktemp())
        versions = {"zope-interface": "8.7", "attrs": "26.1.0"}
        constraints.write(versions, path)
        self.assertEqual(versions, constraints.read(path))
        lines = path.read_text().splitlines()
        self.assertEqual(["attrs==26.1.0", "zope-interface==8.7"], lines[1:])

    def test_names_are_normalized(self) -> None:
        for requirement in ("Zope.Interface>=5", "zope_interface", "zope-interface ; x"):
            self.assertEqual("zope-interface", constraints.name_of(requirement))

    def test_the_package_itself_is_not_pinned(self) -> None:
        found = constraints.installed()
        self.assertNotIn("actionhero-tcp", found)
        self.assertNotIn("pip", found)
        self.assertIn("twisted", found)
