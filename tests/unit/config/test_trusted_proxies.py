"""`config.trusted_proxies`."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.trusted_proxies import TrustedProxies
from actionhero_tcp.errors import StartError
from tests.support import PROPERTY

OURS = IPv4Address("TCP", "192.0.2.2", 5000)


class TrustTests(SynchronousTestCase):
    """`TrustedProxies`."""

    def test_addresses_and_networks(self) -> None:
        proxies = TrustedProxies(["127.0.0.0/8", "::1", "192.0.2.1", "2001:db8::/32"])
        for host, trusted in (
            ("127.0.0.1", True),
            ("127.255.255.255", True),
            ("128.0.0.0", False),
            ("192.0.2.1", True),
            ("192.0.2.2", False),
            ("::1", True),
            ("::2", False),
            ("2001:db8:ffff::1", True),
            ("2001:db9::1", False),
            ("::ffff:127.0.0.1", True),
            ("::ffff:128.0.0.1", False),
            ("fe80::1%eth0", False),
        ):
            kind = IPv6Address if ":" in host else IPv4Address
            self.assertIs(trusted, proxies.trust(kind("TCP", host, 1), OURS), host)

    def test_a_unix_socket_needs_a_rule(self) -> None:
        for rules, trusted in (
            ([], False),
            (["127.0.0.0/8", "::1", "0.0.0.0/0", "::/0"], False),
            (["unix:"], True),
            (["unix:/run/a"], True),
            (["10.0.0.0/8", "unix:/run/../run/a"], True),
            (["unix:/run/b"], False),
            (["unix:/run"], False),
        ):
            proxies = TrustedProxies(rules)
            for name in (None, b"", b"/run/c"):
                peer = UNIXAddress(name)
                self.assertIs(trusted, proxies.trust(peer, UNIXAddress(b"/run/a")), rules)

    def test_a_rule_for_unix_sockets_holds_for_no_other(self) -> None:
        self.assertFalse(TrustedProxies(["unix:"]).trust(IPv4Address("TCP", "127.0.0.1", 1), OURS))

    def test_none_is_trusted_where_none_is_named(self) -> None:
        for host in ("127.0.0.1", "0.0.0.0"):
            self.assertFalse(TrustedProxies([]).trust(IPv4Address("TCP", host, 1), OURS))

    @PROPERTY
    @given(st.ip_addresses(), st.ip_addresses())
    def test_an_address_is_the_network_of_itself(self, one: Any, other: Any) -> None:
        proxies = TrustedProxies([str(other)])
        peer = IPv4Address("TCP", str(one), 1)
        mine = getattr(one, "ipv4_mapped", None) or one
        self.assertIs(mine == other, proxies.trust(peer, OURS))

    def test_what_is_neither_is_told(self) -> None:
        for network in ("10.0.0.1/8", "10.0.0.0/33", "localhost", "", "10.0.0", "::1::", "\x1b[2J"):
            error = self.assertRaises(StartError, TrustedProxies, ["::1", network])
            self.assertTrue(str(error).startswith("tcpServer.trustedProxies: "), error)
            self.assertTrue(str(error).isprintable(), error)
