"""The service over a real port. Run with: python -m twisted.trial --reactor=uvloop tests"""

import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

from twisted.trial.unittest import TestCase

from actionhero_tcp.client import AnswerError, Client
from actionhero_tcp.testing import RealServer

READING = {"at": "2026-01-01T12:00:00Z", "values": [1.5, 2.5]}


class TelemetryTests(TestCase):
    """Devices and their readings."""

    async def serve(self) -> RealServer:
        """A server with a database for this test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        environment = {"STATE_DIRECTORY": folder.name, "TELEMETRY_SECRET": "s3cret"}
        with mock.patch.dict(os.environ, environment):
            server = RealServer(self, "../config.json")
        await server.started()
        self.assertTrue((Path(folder.name) / "telemetry.sqlite3").exists())
        return server

    async def refused(self, client: Client, action: str, **params: Any) -> str:
        """The error that an action answers with."""
        with self.assertRaises(AnswerError) as caught:
            await client.action(action, **params)
        return str(caught.exception)

    async def test_a_device_reports_and_asks(self) -> None:
        server = await self.serve()
        device = str(uuid4())
        async with Client("127.0.0.1", server.port) as client:
            await client.action("login", device=device, secret="s3cret")
            answer = await client.action("report", reading=READING, battery=80)
            self.assertEqual(1, answer["stored"])
            later = {**READING, "at": "2026-01-01T14:00:00+01:00", "status": "fail"}
            self.assertEqual(2, (await client.action("report", reading=later))["stored"])
            self.assertEqual(2, (await client.action("report", reading=later))["stored"])
            history = await client.action("history", limit=10)
            self.assertEqual(device, history["device"])
            self.assertEqual(["fail", "ok"], [each["status"] for each in history["readings"]])
            self.assertEqual([None, 80], [each["battery"] for each in history["readings"]])
            self.assertEqual([1.5, 2.5], history["readings"][0]["values"])
            summary = await client.action("summary")
            self.assertEqual((1, 2), (summary["devices"], summary["readings"]))
            self.assertEqual([device], summary["failing"])

    async def test_strangers_report_nothing(self) -> None:
        server = await self.serve()
        async with Client("127.0.0.1", server.port) as client:
            self.assertIn("log in first", await self.refused(client, "report", reading=READING))
            wrong = await self.refused(client, "login", device=str(uuid4()), secret="x")
            self.assertIn("the secret is wrong", wrong)
            self.assertIn("device", await self.refused(client, "login", device="7", secret="x"))

    async def test_faulty_readings_are_refused(self) -> None:
        server = await self.serve()
        async with Client("127.0.0.1", server.port) as client:
            await client.action("login", device=str(uuid4()), secret="s3cret")
            for params, path in (
                ({"reading": {**READING, "values": [1, "x"]}}, "reading.values[1]"),
                ({"reading": {**READING, "status": "odd"}}, "reading.status"),
                ({"reading": {"values": [1]}}, "reading"),
                ({"reading": READING, "battery": 101}, "battery"),
                ({"reading": READING, "batery": 10}, "batery"),
            ):
                self.assertIn(path, await self.refused(client, "report", **params))
