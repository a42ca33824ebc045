"""The actions, without a network: each test has its own server and clock."""

from actionhero_tcp.testing import FakeServer
from twisted.trial.unittest import SynchronousTestCase


class ActionTests(SynchronousTestCase):
    def setUp(self):
        self.server = FakeServer(self, "../config.json")

    def test_hello(self):
        self.assertEqual("Hello!", self.server.run("hello")["greeting"])

    def test_divide(self):
        self.assertEqual(3.33, self.server.run("divide", a=10, b="3")["quotient"])

    def test_divide_by_zero(self):
        error = self.server.run("divide", a=1, b=0)["error"]
        self.assertEqual("b must not be 0", error)

    def test_divide_needs_both(self):
        error = self.server.run("divide", a=1)["error"]
        self.assertEqual("b is a required parameter for this action", error)

    def test_countdown(self):
        answer = self.server.start("countdown", start=2)
        self.server.clock.advance(1.9)
        self.assertNoResult(answer)
        self.server.clock.advance(0.1)
        self.assertTrue(self.successResultOf(answer)["liftoff"])
        messages = self.server.client.received
        self.assertEqual([2, 1], [each["left"] for each in messages if "left" in each])

    def test_digest(self):
        one = self.server.run("digest", password="secret", salt="a")
        other = self.server.run("digest", password="secret", salt="b")
        self.assertEqual(128, len(one["digest"]))
        self.assertNotEqual(one["digest"], other["digest"])

    def test_files(self):
        self.server.start("file", fileName="welcome.txt")
        (content,) = self.server.client.files
        self.assertIn(b"Clients can fetch", content)


class ForecastTests(SynchronousTestCase):
    def setUp(self):
        self.server = FakeServer(self, "../config.json")

    def forecast(self):
        answer = self.server.start("forecast", city="Rome")
        self.server.clock.advance(0.5)
        return self.successResultOf(answer)

    def test_asks_once_a_minute(self):
        self.assertEqual("sunny in Rome", self.forecast()["forecast"])
        self.assertTrue(self.forecast()["cached"])
        self.server.clock.advance(60)
        self.assertFalse(self.forecast()["cached"])


class TalkTests(SynchronousTestCase):
    def setUp(self):
        self.server = FakeServer(self, "../config.json")
        self.ada = self.server.connect()
        self.bob = self.server.connect(attributes={"name": "Bob"})

    def test_announce(self):
        self.bob.run("announce", text="tea!")
        self.assertEqual("Bob announces: tea!", self.ada.heard[-1]["message"])

    def test_who_has_no_name_announces_nothing(self):
        error = self.ada.run("announce", text="tea!")["error"]
        self.assertEqual("introduce yourself first", error)
        self.ada.run("introduce", name="Ada")
        self.ada.run("announce", text="tea!")
        self.assertEqual("Ada announces: tea!", self.bob.heard[-1]["message"])

    def test_whisper(self):
        self.bob.run("whisper", to=self.ada.id, text="psst")
        self.assertEqual("psst", self.ada.received[-1]["whisper"])
        self.assertIn("not here", self.bob.run("whisper", to="x", text="psst")["error"])

    def test_nobody_is_rude(self):
        self.bob.ask("say darn")
        self.assertEqual("****", self.ada.heard[-1]["message"])
