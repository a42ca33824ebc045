"""docs/architecture.md says what is there, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import actionhero_tcp
from actionhero_tcp.connection.state import TRANSITIONS, State
from tests.support import ROOT
from tests.unit.test_layers import BESIDE, LAYERS

PACKAGE = Path(actionhero_tcp.__file__).parent
PAGE = ROOT / "docs" / "architecture.md"


def diagram() -> str:
    """The states and their transitions, as the page shows them."""
    lines = ["```text"]
    for state in State:
        following = ", ".join(after.name for after in State if after in TRANSITIONS[state])
        lines.append(
            f"{state.name:<9} {'-> ' + following if following else '(the end)':<33}{state.value}"
        )
    return "\n".join([*lines, "```"])


class ArchitectureTests(SynchronousTestCase):
    """The page."""

    def setUp(self) -> None:
        self.text = PAGE.read_text(encoding="utf-8")

    def test_it_has_a_row_for_each_folder_in_the_order_of_the_layers(self) -> None:
        self.assertEqual(list(LAYERS), re.findall(r"^\| `(\w+)/` \|", self.text, re.MULTILINE))
        for folder in BESIDE:
            self.assertIn(f"`{folder}/`", self.text)

    def test_what_it_names_is_there(self) -> None:
        paths = re.findall(r"`([\w/]+(?:/|\.py))`", self.text)
        self.assertGreater(len(paths), 20)
        for path in paths:
            places = (ROOT / path, PACKAGE / path)
            self.assertTrue(any(place.exists() for place in places), path)

    def test_its_diagram_is_made_from_the_table(self) -> None:
        _, _, rest = self.text.partition("<!-- states: begin -->\n")
        shown, _, _ = rest.partition("\n<!-- states: end -->")
        self.assertEqual(diagram(), shown, "put this between the marks:\n" + diagram())

    def test_it_fits_on_two_pages(self) -> None:
        self.assertLess(len(self.text.split()), 1300)
