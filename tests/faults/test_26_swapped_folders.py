"""A folder that is swapped for a link while files are fetched from it."""

from __future__ import annotations

import threading

from tests.faults.harness import FaultTestCase
from tests.unit.connection.test_beneath import exchange

REQUESTS = 5000
INSIDE, OUTSIDE = b"inside", b"secret"


class SwapTests(FaultTestCase):
    """Nothing from outside of the public folder is sent."""

    number = 26

    def test_swaps(self) -> None:
        files = {"public/a/page": INSIDE, "outside/page": OUTSIDE}
        self.begin("--no-log-requests", "--announce-limit=0", files=files)
        folder = self.running.folder
        (folder / "public" / "link").symlink_to(folder / "outside")
        ended, swaps = threading.Event(), 0

        def swap() -> None:
            nonlocal swaps
            while not ended.is_set():
                exchange(folder / "public" / "a", folder / "public" / "link")
                swaps += 1

        before, client = self.state(), self.talker()
        client.line()
        swapper = threading.Thread(target=swap)
        swapper.start()
        served = 0
        try:
            for _ in range(REQUESTS):
                client.send(b'{"action":"file","params":{"fileName":"a/page"}}\n')
                start = client.read(len(INSIDE))
                self.assertNotEqual(OUTSIDE, start)
                if start == INSIDE:
                    served += 1
                else:
                    self.assertIn(b"is not found", start + client.line())
        finally:
            ended.set()
            swapper.join()
        client.close()
        self.assertGreater(served, 0)
        self.assert_back(before)
        self.note(
            f"{REQUESTS:,} requests for a file, while its folder and a link that leads out are "
            "exchanged in a loop",
            f"{served:,} got the file, the others an error; none got the one outside",
        )
        self.finish()
