"""Tests of `actionhero_tcp.redis.address`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.redis.address import RedisAddress


class AddressTests(SynchronousTestCase):
    """Where Redis is."""

    def test_every_form(self) -> None:
        for url, host, port, path, password, database in (
            ("redis://r.example", "r.example", 6379, "", None, 0),
            ("redis://:s%40t@r.example:7000/3", "r.example", 7000, "", "s@t", 3),
            ("rediss://u:p@r.example/", "r.example", 6379, "", "p", 0),
            ("unix:/run/redis.sock", "", 6379, "/run/redis.sock", None, 0),
            ("unix:p@/run/redis.sock?db=2", "", 6379, "/run/redis.sock", "p", 2),
        ):
            address = RedisAddress(url)
            found = (address.host, address.port, address.path, address.password, address.database)
            self.assertEqual((host, port, path, password, database), found, url)

    def test_what_is_none_is_refused_and_the_password_not_repeated(self) -> None:
        for url in (
            "r.example",
            "http://r.example",
            "redis://",
            "redis://:secret@r.example:x",
            "redis://:secret@r.example/db",
            "unix:",
        ):
            error = self.assertRaises(StartError, RedisAddress, url)
            self.assertIn("redis.url", str(error))
            self.assertNotIn("secret", str(error))

    def test_it_is_shown_without_the_password(self) -> None:
        self.assertEqual("redis://h:7000/3", str(RedisAddress("redis://u:secret@h:7000/3")))
        self.assertEqual("unix:/run/a", str(RedisAddress("unix:secret@/run/a")))
