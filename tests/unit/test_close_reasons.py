"""Tests of `actionhero_tcp.close_reasons`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import close_reasons
from tests.support import ROOT


class ReasonTests(SynchronousTestCase):
    """Why connections end."""

    def test_each_reason_has_its_meaning(self) -> None:
        named = {value for value in vars(close_reasons).values() if isinstance(value, str)}
        named -= {
            close_reasons.__doc__,
            close_reasons.__name__,
            close_reasons.__file__,
            close_reasons.__package__,
        }
        named = {value for value in named if "\n" not in value and "/" not in value}
        self.assertEqual(set(close_reasons.MEANINGS), named)

    def test_the_docs_have_the_same_list(self) -> None:
        page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        for reason, meaning in close_reasons.MEANINGS.items():
            self.assertIn(f"| `{reason}` | {meaning} |", page)
