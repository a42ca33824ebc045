"""Tests of `actionhero_tcp.redis.address`."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.redis.address import RedisAddress


class AddressTests(SynchronousTestCase):
    """Where Redis is."""

    def test_every_form(self) -> None:
        for url, host, port, path, login in (
            ("redis://r.example", "r.example", 6379, "", []),
            ("REDIS://r.example", "r.example", 6379, "", []),
            ("redis://:@r.example/0", "r.example", 6379, "", []),
            ("redis://r.example/?db=2", "r.example", 6379, "", [("SELECT", 2)]),
            (
                "redis://:s%40t@r.example:7000/3",
                *("r.example", 7000, "", [("AUTH", "s@t"), ("SELECT", 3)]),
            ),
            ("redis://u:p@[::1]:7000/", "::1", 7000, "", [("AUTH", "u", "p")]),
            ("rediss://u:p@r.example/", "r.example", 6379, "", [("AUTH", "u", "p")]),
            ("unix:/run/redis.sock", "", 0, "/run/redis.sock", []),
            ("unix:///run/redis.sock", "", 0, "/run/redis.sock", []),
            ("unix:///run/re@d.sock", "", 0, "/run/re@d.sock", []),
            ("unix:p@/run/r?db=2", "", 0, "/run/r", [("AUTH", "p"), ("SELECT", 2)]),
            ("unix://:pw@/run/r?db=2", "", 0, "/run/r", [("AUTH", "pw"), ("SELECT", 2)]),
            ("unix:u:pw@/run/r", "", 0, "/run/r", [("AUTH", "u", "pw")]),
        ):
            address = RedisAddress.parse(url)
            found = (address.host, address.port, address.path, address.login)
            self.assertEqual((host, port, path, login), found, url)
            self.assertEqual(url.startswith("rediss"), address.is_secure)

    @given(st.text(), st.text())
    def test_users_and_passwords_hold_any_character(self, user: str, password: str) -> None:
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        for place in (
            "redis://{}@r.example:1/2",
            "rediss://{}@[::1]/",
            "unix:{}@/a",
            "unix://{}@/a",
        ):
            address = RedisAddress.parse(place.format(login))
            self.assertEqual((user, password), (address.username, address.password))
            self.assertTrue(address.host or address.path)

    @given(st.text(alphabet="aZ9#?/@:[]&=;$ .\\\"'<>", max_size=12))
    def test_a_password_needs_no_escapes_but_that_of_percent(self, password: str) -> None:
        for place in ("redis://u:{}@r.example:1/2", "unix:u:{}@/a?db=2", "unix://u:{}@/a?db=2"):
            address = RedisAddress.parse(place.format(password))
            self.assertEqual((password, 2), (address.password, address.database))

    def test_what_is_none_is_refused_and_nothing_of_it_repeated(self) -> None:
        for url in (
            "r.example",
            "secret",
            "http://:secret@r.example",
            "redis://",
            "redis:r.example",
            "redis://secret@r.example",
            "redis://:secret@r.example:x",
            "redis://:secret@r.example:0",
            "redis://:secret@r.example:65536",
            "redis://:secret@r.example/db",
            "redis://:secret@r.example/1/2",
            "redis://:secret@r.example/1?db=2",
            "redis://:secret@r.example?db=",
            "redis://:secret@r.example?timeout=secret",
            "redis://:secret@r.example/0#secret",
            "redis://:secret@[::1",
            "redis://:secret@::1",
            "redis://:secret@a b",
            "redis://:secret@r.example/٣",
            "unix:",
            "unix:secret",
            "unix:secret@",
            "unix://:secret@/",
            "unix:/run/a?secret",
            "unix:/run/a#secret",
        ):
            error = self.assertRaises(StartError, RedisAddress.parse, url)
            self.assertIn("redis.url", str(error))
            self.assertNotIn("secret", str(error))

    @given(st.text())
    def test_no_url_raises_anything_else(self, text: str) -> None:
        for url in (text, f"redis://{text}", f"unix:{text}"):
            try:
                RedisAddress.parse(url)
            except StartError as error:
                self.assertIn("redis.url", str(error))

    def test_sentinels(self) -> None:
        url = "redis+sentinel://u:s@cret@a.example,[::1]:7000,b/main/2"
        address = RedisAddress.parse(url)
        expected = (("a.example", 26379), ("::1", 7000), ("b", 26379))
        self.assertEqual((expected, "main", 2), (address.sentinels, address.name, address.database))
        self.assertEqual(("AUTH", "u", "s@cret"), address.login[0])
        shown = "redis+sentinel://a.example:26379,[::1]:7000,b:26379/main/2"
        self.assertEqual(shown, str(address))
        for part in ("a", "a/", "a,/main", "a/main/x", "a/main/1?db=2", "a:x/main"):
            error = self.assertRaises(StartError, RedisAddress.parse, f"redis+sentinel://{part}")
            self.assertIn("redis.url", str(error))

    def test_a_cluster(self) -> None:
        for scheme, is_secure in (("redis", False), ("rediss", True)):
            url = f"{scheme}+cluster://u:s@cret@a.example,[::1]:7000"
            address = RedisAddress.parse(url)
            self.assertEqual((("a.example", 6379), ("::1", 7000)), address.cluster)
            self.assertEqual((True, is_secure), (address.is_cluster, address.is_secure))
            self.assertEqual([("AUTH", "u", "s@cret")], address.login)
            self.assertEqual(f"{scheme}+cluster://a.example:6379,[::1]:7000", str(address))
            node = address.at("::1", 7001)
            self.assertEqual(("::1", 7001, True), (node.host, node.port, node.is_cluster))
            self.assertEqual(f"{scheme}://[::1]:7001/0", str(node))
        for part in ("", "a,", "a:x", "a/1", "a?db=1"):
            error = self.assertRaises(StartError, RedisAddress.parse, f"redis+cluster://{part}")
            self.assertIn("redis.url", str(error))
        RedisAddress.parse("redis+cluster://a?db=0")

    def test_it_is_shown_without_user_and_password(self) -> None:
        for url, shown in (
            ("redis://u:secret@h:7000/3", "redis://h:7000/3"),
            ("rediss://u:secret@[::1]", "rediss://[::1]:6379/0"),
            ("unix:secret@/run/a", "unix:/run/a"),
        ):
            address = RedisAddress.parse(url)
            self.assertEqual(shown, str(address))
            self.assertNotIn("secret", repr(address))
            self.assertEqual("AUTH [HIDDEN]", address.redacted("AUTH secret"))
        self.assertEqual("AUTH", RedisAddress("h", password="A").redacted("AUTH"))
