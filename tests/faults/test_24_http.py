"""Requests of web pages, which any browser sends without asking."""

from __future__ import annotations

import random

from tests.faults.harness import FaultTestCase, reasons

REQUESTS = 600
SEED = 24

COUNT = """
from actionhero_tcp import action

RUNS = []


@action
def run(api, connection):
    RUNS.append(connection.id)


@action
def runs(api, connection):
    return {"runs": len(RUNS)}
"""

LINES = (
    b"POST / HTTP/1.1\r\n",
    b"POST / HTTP/1.0\n",
    b"GET /run HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\n",
    b"PUT http://127.0.0.1/ HTTP/1.1\r\n",
    b"post /x http/1.1\r\n",
    b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n",
    b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n",
)
HEADERS = b"Host: 127.0.0.1\r\nOrigin: http://example.com\r\nContent-Type: text/plain\r\n\r\n"
BODY = b'run\n{"action":"run"}\n' * 3


class HTTPTests(FaultTestCase):
    """None runs anything."""

    number = 24

    def test_requests(self) -> None:
        self.begin("--no-log-requests", "--announce-limit=0", files={"actions/count.py": COUNT})
        before, chance = self.state(), random.Random(SEED)
        for number in range(REQUESTS):
            client = self.talker()
            client.line()
            data = LINES[number % len(LINES)] + HEADERS + BODY
            cuts = sorted(chance.choices(range(len(data)), k=chance.randrange(4)))
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                client.send(data[start:end])
            answer = client.message()
            self.assertIn("not HTTP", answer["error"])
            self.assertEqual(b"", client.rest())
            client.close()
        self.assertEqual(0, self.observer.ask("runs")["runs"])
        self.assert_back(before)
        closed = self.closed()
        self.assertEqual(REQUESTS, closed["HTTP request"])
        self.note(
            f"{REQUESTS:,} HTTP requests of {len(LINES)} forms, cut anywhere, with actions in the "
            "body",
            f"each gets one error line and is closed ({reasons(closed)}); nothing has run; nothing "
            "left behind",
        )
        self.finish()


class TLSHTTPTests(HTTPTests):
    """The same over TLS."""

    pair = "ec"
