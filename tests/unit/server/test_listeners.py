"""Tests of `actionhero_tcp.server.listeners`, by the daemons that are wired with them."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ServerEndpoint,
    UNIXServerEndpoint,
)

from actionhero_tcp.errors import StartError
from actionhero_tcp.server.endpoints import TLSEndpoint
from actionhero_tcp.server.proxied import ProxiedEndpoint
from actionhero_tcp.server.service import ActionHeroService
from tests import support
from tests.unit.plugin.test_options import OptionsTestCase
from tools import certs


class ListenerTests(OptionsTestCase):
    """Where a daemon listens."""

    def build(self, **tcp_server: Any) -> ActionHeroService:
        values = {("tcp_server", name): value for name, value in tcp_server.items()}
        self.service, self.reactor = support.make_service(values)
        return self.service

    def listeners(self, **tcp_server: Any) -> list[Any]:
        return list(self.build(**tcp_server)._listeners)

    def test_by_default_it_listens_on_tcp(self) -> None:
        (listener,) = self.listeners()
        self.assertIsInstance(listener.endpoint, TCP4ServerEndpoint)
        self.assertEqual("TCP 0.0.0.0:5000", listener.description)
        self.service.privilegedStartService()
        ((port, factory, _, interface),) = self.reactor.tcpServers
        self.assertEqual((5000, self.service.factory, "0.0.0.0"), (port, factory, interface))

    def test_it_listens_where_it_is_told(self) -> None:
        self.build(port=0, bind_ip="127.0.0.1").privilegedStartService()
        ((port, _, _, interface),) = self.reactor.tcpServers
        self.assertEqual((0, "127.0.0.1"), (port, interface))

    def test_secure_listens_with_tls(self) -> None:
        key, cert = map(str, certs.make(self.folder))
        (listener,) = self.listeners(secure=True, port=5001, key_file=key, cert_file=cert)
        self.assertIsInstance(listener.endpoint, TLSEndpoint)
        self.assertIsInstance(listener.endpoint.endpoint, TCP4ServerEndpoint)
        self.assertEqual("TCP 0.0.0.0:5001, with TLS", listener.description)

    def test_secure_without_a_certificate_does_not_start(self) -> None:
        key, _ = map(str, certs.make(self.folder))
        error = self.assertRaises(
            StartError, self.build, secure=True, key_file=key, cert_file="/none"
        )
        self.assertIn("/none: cannot read the certificate", str(error))

    def test_listen_stands_in_place_of_port_and_ip(self) -> None:
        one, two = self.listeners(listen=("tcp:0", "unix:/run/x.sock"))
        self.assertIsInstance(one.endpoint, TCP4ServerEndpoint)
        self.assertIsInstance(two.endpoint, UNIXServerEndpoint)
        self.assertEqual("unix:/run/x.sock", two.description)

    def test_secure_holds_wherever_it_listens(self) -> None:
        key, cert = map(str, certs.make(self.folder))
        one, two = self.listeners(
            listen=("tcp:0", "unix:/run/x.sock"), secure=True, key_file=key, cert_file=cert
        )
        self.assertIsInstance(one.endpoint.endpoint, TCP4ServerEndpoint)
        self.assertIsInstance(two.endpoint.endpoint, UNIXServerEndpoint)
        self.assertEqual("unix:/run/x.sock, with TLS", two.description)

    def test_a_tls_of_its_own_goes_without_secure_only(self) -> None:
        key, cert = map(str, certs.make(self.folder))
        own = f"ssl:0:privateKey={key}:certKey={cert}"
        (listener,) = self.listeners(listen=(own,))
        self.assertIsInstance(listener.endpoint, SSL4ServerEndpoint)
        pair = {"secure": True, "key_file": key, "cert_file": cert}
        error = self.assertRaises(StartError, self.build, listen=("tcp:0", own), **pair)
        self.assertEqual(
            f"--listen {own}: this has separate TLS settings, but tcpServer.secure is set; "
            "leave out one of them",
            str(error),
        )

    def test_a_proxy_goes_without_secure_only(self) -> None:
        key, cert = map(str, certs.make(self.folder))
        pair = {"secure": True, "key_file": key, "cert_file": cert}
        error = self.assertRaises(StartError, self.build, listen=("haproxy:tcp:0",), **pair)
        self.assertEqual(
            "--listen haproxy:tcp:0: its TLS ends in the proxy, but tcpServer.secure is set; "
            "leave out one of them",
            str(error),
        )

    def test_secure_needs_the_pair_for_listen_too(self) -> None:
        error = self.assertRaises(
            StartError, self.build, listen=("tcp:0",), secure=True, key_file="/none"
        )
        self.assertIn("/none: cannot read the private key", str(error))

    def test_what_is_no_endpoint_does_not_start(self) -> None:
        for text in ("nope", "nope:1", "tcp:x", "ssl:1:privateKey=/none", "", "haproxy:tcp:x"):
            error = self.assertRaises(StartError, self.build, listen=(text,))
            self.assertTrue(str(error).startswith(f"--listen {text}: "), error)
            self.assertEqual(1, len(str(error).splitlines()))

    def test_behind_a_proxy_it_listens_where_the_rest_of_the_description_says(self) -> None:
        one, two, three = self.listeners(
            listen=("haproxy:tcp:0", "haproxy:unix:/run/x.sock", "tcp:0"),
        )
        self.assertIsInstance(one.endpoint, ProxiedEndpoint)
        self.assertIsInstance(one.endpoint.endpoint, TCP4ServerEndpoint)
        self.assertEqual("haproxy:tcp:0", one.description)
        self.assertIsInstance(two.endpoint.endpoint, UNIXServerEndpoint)
        self.assertIsInstance(three.endpoint, TCP4ServerEndpoint)

    def test_behind_a_proxy_there_is_no_tls(self) -> None:
        for rest in ("ssl:5001", "ssl:5001:privateKey=/none", "haproxy:tcp:0", "nope", ""):
            error = self.assertRaises(StartError, self.build, listen=(f"haproxy:{rest}",))
            self.assertEqual(
                f"--listen haproxy:{rest}: known are haproxy:tcp:, haproxy:tcp6:, haproxy:unix:, "
                "haproxy:systemd:; TLS has to end in the proxy",
                str(error),
            )

    def test_a_trusted_proxy_that_is_none_does_not_start(self) -> None:
        for listen in ((), ("haproxy:tcp:0",)):
            error = self.assertRaises(
                StartError, self.build, trusted_proxies=("10.0.0.1/8",), listen=listen
            )
            self.assertEqual(
                "tcpServer.trustedProxies: 10.0.0.1/8 has host bits set; "
                "expected are addresses, networks such as 10.0.0.0/8, "
                "and unix:/path for a UNIX socket",
                str(error),
            )
