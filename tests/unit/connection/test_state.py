"""The states of a connection and their order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.state import (
    TRANSITIONS,
    IllegalTransitionError,
    ReadHold,
    State,
    check,
)


class StateTests(SynchronousTestCase):
    """`TRANSITIONS`."""

    def test_each_state_is_in_the_table_and_can_be_reached(self) -> None:
        self.assertEqual(set(State), set(TRANSITIONS))
        reached = {State.ENTERING}.union(*TRANSITIONS.values())
        self.assertEqual(set(State), reached)

    def test_each_state_leads_to_the_end_and_no_state_leads_back(self) -> None:
        order = list(State)
        for before, following in TRANSITIONS.items():
            for after in following:
                self.assertLess(order.index(before), order.index(after))
            if before is not State.CLOSED:
                self.assertIn(State.CLOSED, following)

    def test_what_the_table_has_not_is_refused(self) -> None:
        check(State.OPEN, State.CLOSING)
        error = self.assertRaises(IllegalTransitionError, check, State.CLOSED, State.OPEN)
        self.assertEqual("CLOSED to OPEN", str(error))

    def test_no_two_holds_are_the_same(self) -> None:
        self.assertEqual(len(ReadHold), len({int(hold) for hold in ReadHold}))
        self.assertFalse(ReadHold.NONE)
