"""Tests of `actionhero_tcp.plugin.help_page`."""

from __future__ import annotations

import dataclasses

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config import configuration, sections
from actionhero_tcp.plugin import help_page


class HelpPageTests(SynchronousTestCase):
    """`page`."""

    def test_each_option_stands_once_under_the_heading_of_its_section(self) -> None:
        page = help_page.page("What it does.", 100)
        groups = dict(part.split(":\n", 1) for part in page.split("\n\n")[1:])
        self.assertEqual(["Most used", *help_page.HEADINGS.values()], list(groups))
        for info in configuration.fields():
            heading = help_page.HEADINGS[info.section]
            if info.option in help_page.MOST_USED:
                heading = "Most used"
            for other, text in groups.items():
                words = text.replace("=", " ").replace(",", " ").split()
                found = words.count(f"--{info.option}") and f"  --{info.option}" in text
                self.assertEqual(other == heading, bool(found), (info.option, other))

    def test_every_section_has_a_heading(self) -> None:
        self.assertEqual(
            [each.name for each in dataclasses.fields(sections.Config)], list(help_page.HEADINGS)
        )

    def test_it_is_as_wide_as_it_may_be(self) -> None:
        for width in (100, 120):
            lines = help_page.page("What it does. " * 20, width).splitlines()
            self.assertLessEqual(max(map(len, lines)), width)
        self.assertIn("--port=", help_page.page("x", 10))

    def test_flags_stand_with_their_opposites(self) -> None:
        page = help_page.page("x", 80)
        self.assertIn("      --secure, --no-secure", page)
        self.assertIn("--log-requests-only=", page)
