"""Probes of balancers and monitors, which connect and leave."""

from __future__ import annotations

from tests.faults.harness import FaultTestCase, reasons

PROBES = 500


class ProbeTests(FaultTestCase):
    """Nobody hears of them."""

    number = 25

    def test_probes(self) -> None:
        self.begin("--no-log-requests", "--announce-delay=60")
        listener = self.talker()
        listener.line()
        listener.ask("paramsView")
        before = self.state()
        for number in range(PROBES):
            probe = self.talker()
            if number % 2:
                probe.line()
            (probe.reset if number % 3 else probe.close)()
        self.assert_back(before)
        speaker = self.talker()
        speaker.line()
        speaker.send(b"say hello\nquit\n")
        heard = [listener.message()["message"] for _ in range(3)]
        self.assertEqual(["I have entered the room", "hello", "I have left the room"], heard)
        self.note(
            f"{PROBES} probes connect and leave, with and without a reset, beside a listener in "
            "the default room",
            f"it hears of none of them, and of the next client all ({reasons(self.closed())}); "
            "nothing left behind",
        )
        listener.close()
        self.finish()


class TLSProbeTests(ProbeTests):
    """The same over TLS."""

    pair = "ec"
