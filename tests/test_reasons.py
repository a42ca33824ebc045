"""Tests of `actionhero_tcp.reasons`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import reasons

from .support import ROOT


class ReasonTests(SynchronousTestCase):
    """Why connections end."""

    def test_each_reason_has_its_meaning(self) -> None:
        named = {value for value in vars(reasons).values() if isinstance(value, str)}
        named -= {reasons.__doc__, reasons.__name__, reasons.__file__, reasons.__package__}
        named = {value for value in named if "\n" not in value and "/" not in value}
        self.assertEqual(set(reasons.MEANINGS), named)

    def test_the_docs_have_the_same_list(self) -> None:
        page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        for reason, meaning in reasons.MEANINGS.items():
            self.assertIn(f"| `{reason}` | {meaning} |", page)
