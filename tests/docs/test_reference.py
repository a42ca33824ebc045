"""The reference pages in a checkout say what the docstrings say."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import actionhero_tcp
from tools import reference


class ReferenceTests(SynchronousTestCase):
    """docs/reference/, which is made from docs/_reference/ and the docstrings."""

    def test_the_pages_are_up_to_date(self) -> None:
        self.assertEqual([], reference.differences(), "run: python -m tools.reference --write")

    def test_a_page_that_differs_is_named(self) -> None:
        pages = Path(self.mktemp())
        pages.mkdir()
        for name in ("actions.md", "gone.md"):
            (pages / name).write_text("old", encoding="utf-8")
        self.patch(reference, "PAGES", pages)
        self.patch(reference, "pages", lambda: {"actions.md": "new", "added.md": "new"})
        self.assertEqual(["actions.md", "added.md", "gone.md"], reference.differences())

    def test_they_read_without_sphinx(self) -> None:
        text = "".join(page.read_text("utf-8") for page in reference.PAGES.glob("*.md"))
        self.assertNotIn("eval-rst", text)
        for name in actionhero_tcp.__all__:
            self.assertIn(f"actionhero_tcp.{name}", text)
