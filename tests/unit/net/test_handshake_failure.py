"""Why TLS handshakes fail, told from real ones in memory."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import close_reasons
from actionhero_tcp.net import tls
from actionhero_tcp.net.handshake_failure import reason_of
from tools import certs

Setup = Callable[[SSL.Context], object]


class Authority:
    """Signs certificates of clients."""

    def __init__(self, folder: Path) -> None:
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), _name("authority")
        self.file = folder / "ca.pem"
        self.file.write_bytes(
            self.sign(self.name, self.key, 30, ca=True).public_bytes(serialization.Encoding.PEM)
        )

    def sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, days: int, ca: bool = False
    ) -> x509.Certificate:
        """A certificate that ends so many days from now, and began 20 days before that."""
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - datetime.timedelta(days=50 if ca else 20))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def shows(self, days: int) -> Setup:
        """Has a client show a certificate of this authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.sign(_name("client"), key, days)

        def setup(context: SSL.Context) -> None:
            context.use_privatekey(crypto.PKey.from_cryptography_key(key))
            context.use_certificate(crypto.X509.from_cryptography(certificate))

        return setup


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


class ReasonTests(SynchronousTestCase):
    """`reason_of`."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.pair = tuple(map(str, certs.make(self.folder)))
        self.authority = Authority(self.folder)

    def begin(self, ca_file: str = "") -> SSL.Connection:
        context = tls.load(*self.pair, ca_file)
        server = tls.Certificates(lambda: context).serverConnectionForTLS(None)
        server.set_accept_state()
        return server

    def reason(self, server: SSL.Connection, error: BaseException) -> tuple[str, str | None]:
        return reason_of(error, SimpleNamespace(getHandle=lambda: server))

    def after(self, data: bytes) -> tuple[str, str | None]:
        """The reason after a client has sent some bytes."""
        server = self.begin()
        server.bio_write(data)
        return self.reason(server, self.assertRaises(SSL.Error, server.do_handshake))

    def against(self, setup: Setup, ca_file: str = "") -> tuple[str, str | None]:
        """The reason after a handshake with a client."""
        server = self.begin(ca_file)
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        setup(context)
        client = SSL.Connection(context, None)
        client.set_connect_state()
        for _ in range(10):
            with contextlib.suppress(SSL.Error):
                client.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                server.bio_write(client.bio_read(65536))
            try:
                server.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                return self.reason(server, error)
            with contextlib.suppress(SSL.WantReadError):
                client.bio_write(server.bio_read(65536))
        return "no failure", None

    def test_what_is_not_tls(self) -> None:
        for data in (
            b"detailsView\n",
            b"GET / HTTP/1.1\r\n",
            bytes(64),
            b"CONNECT a:1 HTTP/1.1\r\n",
        ):
            self.assertEqual(close_reasons.NOT_TLS, self.after(data)[0], data)

    def test_no_common_version(self) -> None:
        def old(context: SSL.Context) -> None:
            context.set_cipher_list(b"ALL:@SECLEVEL=0")
            context.set_min_proto_version(SSL.TLS1_1_VERSION)
            context.set_max_proto_version(SSL.TLS1_1_VERSION)

        expected = (close_reasons.NO_COMMON_TLS, "unsupported protocol")
        self.assertEqual(expected, self.against(old))

    def test_no_common_cipher(self) -> None:
        def weak(context: SSL.Context) -> None:
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
            context.set_cipher_list(b"ECDHE-ECDSA-AES128-SHA256")

        self.assertEqual((close_reasons.NO_COMMON_TLS, "no shared cipher"), self.against(weak))

    def test_certificates_of_clients(self) -> None:
        (self.folder / "other").mkdir()
        stranger, ca_file = Authority(self.folder / "other"), str(self.authority.file)
        for setup, reason in (
            (lambda context: None, close_reasons.NO_CLIENT_CERTIFICATE),
            (stranger.shows(10), close_reasons.UNKNOWN_CLIENT_CERTIFICATE),
            (self.authority.shows(-1), close_reasons.EXPIRED_CLIENT_CERTIFICATE),
            (self.authority.shows(25), close_reasons.EXPIRED_CLIENT_CERTIFICATE),
            (self.authority.shows(10), "no failure"),
        ):
            self.assertEqual(reason, self.against(setup, ca_file)[0])

    def test_a_client_that_does_not_trust_the_server(self) -> None:
        def distrust(context: SSL.Context) -> None:
            context.set_verify(SSL.VERIFY_PEER, lambda *facts: bool(facts[-1]))

        expected = (close_reasons.REFUSED_BY_TLS_CLIENT, "tlsv1 alert unknown ca")
        self.assertEqual(expected, self.against(distrust))

    def test_the_end_of_the_stream(self) -> None:
        for error in (
            None,
            ConnectionDone(),
            ConnectionLost(),
            SSL.SysCallError(-1, "Unexpected EOF"),
            SSL.Error([("SSL routines", "", "unexpected eof while reading")]),
        ):
            self.assertEqual((close_reasons.HANDSHAKE_CUT_OFF, None), reason_of(error, None))

    def test_anything_else_is_told_as_openssl_tells_it(self) -> None:
        bad = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"
        reason, text = self.after(bad)
        self.assertEqual(close_reasons.HANDSHAKE_FAILED, reason)
        self.assertTrue(text)
        expected = (close_reasons.HANDSHAKE_FAILED, "unknown error")
        self.assertEqual(expected, reason_of(SSL.Error([]), None))

    def test_a_check_that_cannot_be_seen_is_of_an_unknown_certificate(self) -> None:
        error = SSL.Error([("SSL routines", "", "certificate verify failed")])
        self.assertEqual((close_reasons.UNKNOWN_CLIENT_CERTIFICATE, None), reason_of(error, None))
