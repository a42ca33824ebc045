"""Each page of docs/ begins with its use for the reader, and is in the contents once."""

from __future__ import annotations

import itertools
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.support import ROOT

DOCS = ROOT / "docs"

KINDS = ("Tutorials", "How-to", "Reference", "Explanation")
"""The kinds of pages, in the order of a reader's life."""

GENERATED = {"security", "reference/index"}
"""Pages that include another file."""

LINES_TO_EXAMPLE = 40
"""An example is found before so many lines, on pages that are read to get something done."""


def contents() -> dict[str, list[str]]:
    """The pages of each kind."""
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?s)```\{toctree\}\n:hidden:\n:caption: ([\w-]+)\n(.*?)```", text)
    return {kind: re.findall(r"<([\w/-]+)>", block) for kind, block in blocks}


class OpeningTests(SynchronousTestCase):
    """The first lines of each page, and the contents."""

    def test_the_kinds_are_in_order(self) -> None:
        self.assertEqual([*KINDS], [*contents()])

    def test_each_page_is_in_the_contents_once(self) -> None:
        found = [page for pages in contents().values() for page in pages]
        pages = {path.stem for path in DOCS.glob("*.md")} - {"index"} | {"reference/index"}
        self.assertEqual(sorted(pages), sorted(found))

    def test_each_page_begins_with_what_the_reader_gets(self) -> None:
        for pages in contents().values():
            for page in {*pages} - GENERATED:
                text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
                paragraphs = [each for each in text.split("\n\n") if not each.startswith("(")]
                self.assertRegex(paragraphs[0], r"^# \S", page)
                self.assertRegex(paragraphs[1], r"^(After this|This) page ", page)

    def test_no_paragraph_comes_twice_in_a_row(self) -> None:
        for page in DOCS.glob("*.md"):
            paragraphs = page.read_text(encoding="utf-8").split("\n\n")
            twice = [a for a, b in itertools.pairwise(paragraphs) if a == b]
            self.assertEqual([], twice, page)

    def test_pages_to_act_on_soon_have_an_example(self) -> None:
        for kind in ("Tutorials", "How-to"):
            for page in contents()[kind]:
                lines = (DOCS / f"{page}.md").read_text(encoding="utf-8").splitlines()
                first = next(number for number, line in enumerate(lines) if line[:3] == "```")
                self.assertLess(first, LINES_TO_EXAMPLE, page)
