"""Tests of `tools.prose`: which sentences it finds, and where."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tools import prose


class ProseTests(SynchronousTestCase):
    """What is found in a page and in a module."""

    def found(self, text: str, name: str = "page.md") -> list[tuple[int, str]]:
        """The lines and the tics that are found in a file."""
        path = Path(self.mktemp()).with_name(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return [(finding.line, finding.tic) for finding in prose.findings(path)]

    def test_each_tic(self) -> None:
        for sentence, tic in (
            ("The file is read anew.", "anew"),
            ("The limits in force are these.", "in force"),
            ("It has a thread of its own.", "of its own"),
            ("The text stands below.", "stands"),
            ("This page tells of logs.", "tells of"),
            ("It closes the port, too.", "trailing too"),
            ("What waits is sent later.", "clause as subject"),
            ("It waits, for it has no choice.", "for as because"),
            ("It stops in good order.", "in good order"),
            ("An action that there is not fails.", "there is not"),
        ):
            self.assertEqual([(1, tic)], self.found(sentence), sentence)

    def test_plain_sentences(self) -> None:
        text = (
            "# What a client sees\n\nWhat is a room? A list for members, too short to page.\n"
            "It stands for nothing.\nA stand-in.\n"
            "\n```\nread anew\n```\n\nA `thing of its own` in code.\n"
        )
        self.assertEqual([], self.found(text))

    def test_a_tic_across_two_lines_is_found_where_its_paragraph_begins(self) -> None:
        self.assertEqual([(3, "in force")], self.found("One.\n\nThe limits in\nforce.\n"))

    def test_items_and_cells(self) -> None:
        text = "- one\n- read anew\n\n| a | b |\n| --- | --- |\n| x | in force |\n"
        self.assertEqual([(2, "anew"), (6, "in force")], self.found(text))

    def test_docstrings_and_comments_of_a_module(self) -> None:
        text = (
            '"""Reads it anew."""\n\nname = "anew"\n\n\ndef f(x):\n    """Do it.\n\n'
            "    Args:\n        x: The value in force.\n"
            '    """\n    # This stands\n    # here.\n'
        )
        tics = [(1, "anew"), (10, "in force"), (3, "anew"), (12, "stands")]
        self.assertEqual(tics, self.found(text, "a.py"))


class PagesTests(SynchronousTestCase):
    """The documentation and the package."""

    def test_there_are_few_enough(self) -> None:
        makefile = (prose.ROOT / "Makefile").read_text(encoding="utf-8")
        (most,) = re.findall(r"(?m)^TICS := (\d+)$", makefile)
        self.assertLessEqual(int(most), 40)
        found = [
            str(each) for path in prose.files([*prose.PLACES]) for each in prose.findings(path)
        ]
        self.assertLessEqual(len(found), int(most), "\n".join(found))

    def test_the_build_of_the_site_checks_it(self) -> None:
        makefile = (prose.ROOT / "Makefile").read_text(encoding="utf-8")
        recipe = makefile.partition("\ndocs:")[2].partition("\n\n")[0]
        self.assertIn("-m tools.prose --most $(TICS)", recipe)
