"""The certificate and the rules of TLS."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.errors import StartError
from actionhero_tcp.net import tls
from tools import certs


def signed(key: rsa.RSAPrivateKey) -> bytes:
    """A self-signed certificate of a key, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weak")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


class WarningTests(SynchronousTestCase):
    """`warnings`."""

    def test_the_dates_of_certificates(self) -> None:
        _, cert = certs.make(Path(self.mktemp()))
        certificate = x509.load_pem_x509_certificate(cert.read_bytes())
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        day = datetime.timedelta(days=1)
        for now, expected in (
            (start + day, None),
            (end - 31 * day, None),
            (end - 29.5 * day, f"expires on {end:%Y-%m-%d}, in 29 days"),
            (end + day, f"has expired on {end:%Y-%m-%d}"),
            (start - day, f"is not valid before {start:%Y-%m-%d %H:%M} UTC"),
        ):
            text = f"{cert}: the certificate of CN=localhost {expected}"
            self.assertEqual([text] if expected else [], tls.warnings(str(cert), "", now))
        self.assertEqual(2, len(tls.warnings(str(cert), str(cert), end + day)))


class LoadTests(SynchronousTestCase):
    """`load`."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.key, self.cert = certs.make(self.folder)

    def load(self) -> SSL.Context:
        return tls.load(str(self.key), str(self.cert))

    def refusal(self) -> str:
        """The error of a pair that is refused; one line."""
        text = str(self.assertRaises(StartError, self.load))
        self.assertEqual(1, len(text.splitlines()), text)
        return text

    def handshake(
        self,
        context: SSL.Context,
        version: int | None = None,
        ciphers: bytes = b"ALL",
        offer: Sequence[bytes] = (),
    ) -> SSL.Connection:
        """The client's end of a handshake in memory."""
        wanted = SSL.Context(SSL.TLS_CLIENT_METHOD)
        wanted.set_cipher_list(ciphers)
        if version is not None:
            wanted.set_min_proto_version(version)
            wanted.set_max_proto_version(version)
        if offer:
            wanted.set_alpn_protos(list(offer))
        client = SSL.Connection(wanted, None)
        client.set_connect_state()
        server = tls.Certificates(lambda: context).serverConnectionForTLS(None)
        server.set_accept_state()
        for _ in range(10):
            for end, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    end.do_handshake()
                with contextlib.suppress(SSL.WantReadError):
                    other.bio_write(end.bio_read(65536))
        self.server = server
        return client

    def test_a_good_pair_serves(self) -> None:
        client = self.handshake(self.load())
        self.assertEqual("TLSv1.3", client.get_protocol_version_name())
        certificate = client.get_peer_certificate()
        assert certificate is not None
        self.assertEqual("localhost", certificate.get_subject().CN)

    def test_the_certificate_in_force_says_when_it_expires(self) -> None:
        (certificate,) = tls.load_certificates(str(self.cert))
        expected = certificate.to_cryptography().not_valid_after_utc.timestamp()
        self.assertEqual(expected, tls.Certificates(self.load).expires_at)

    def test_tls_1_2_only_with_forward_secrecy_and_aead(self) -> None:
        client = self.handshake(self.load(), SSL.TLS1_2_VERSION)
        self.assertEqual("TLSv1.2", client.get_protocol_version_name())
        name = client.get_cipher_name() or ""
        self.assertTrue(name.startswith("ECDHE-"), name)
        self.assertTrue("GCM" in name or "CHACHA20" in name, name)

    def test_cbc_suites_are_refused(self) -> None:
        with self.assertRaises(SSL.Error):
            self.handshake(self.load(), SSL.TLS1_2_VERSION, b"ECDHE-ECDSA-AES128-SHA256")

    def test_tls_1_1_is_refused(self) -> None:
        with self.assertRaises(SSL.Error):
            self.handshake(self.load(), SSL.TLS1_1_VERSION, b"ALL:@SECLEVEL=0")

    def test_what_a_client_offers_by_alpn_is_ignored(self) -> None:
        for offer in ([b"irc"], [b"h2", b"http/1.1"], [b"actionhero"]):
            client = self.handshake(self.load(), offer=offer)
            self.assertEqual("TLSv1.3", client.get_protocol_version_name())
            self.assertIsNotNone(client.get_peer_certificate())
            self.assertEqual(b"", client.get_alpn_proto_negotiated())

    def test_renegotiation_is_refused(self) -> None:
        options = self.load().set_options(0)
        self.assertTrue(options & (1 << 30))
        self.assertTrue(options & SSL.OP_NO_COMPRESSION)

    def test_the_chain_is_sent_too(self) -> None:
        _, other = certs.make(self.folder / "other")
        self.cert.write_bytes(b"a comment\n" + self.cert.read_bytes() + b"\n" + other.read_bytes())
        chain = self.handshake(self.load()).get_peer_cert_chain()
        assert chain is not None
        serials = [certificate.get_serial_number() for certificate in chain]
        expected = x509.load_pem_x509_certificates(self.cert.read_bytes())
        self.assertEqual([certificate.serial_number for certificate in expected], serials)

    def test_a_key_of_another_certificate(self) -> None:
        self.key, _ = certs.make(self.folder / "other")
        self.assertEqual(
            f"{self.key}: this key is not that of the certificate in {self.cert}", self.refusal()
        )

    def test_an_rsa_key_with_an_ec_certificate(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        self.assertIn("this key is not that of", self.refusal())

    def test_missing_files(self) -> None:
        os.remove(self.cert)
        self.assertEqual(
            f"{self.cert}: cannot read the certificate: No such file or directory", self.refusal()
        )
        os.remove(self.key)
        self.assertEqual(
            f"{self.key}: cannot read the private key: No such file or directory", self.refusal()
        )

    def test_a_folder_in_place_of_a_file(self) -> None:
        self.key = self.folder
        self.assertEqual(
            f"{self.folder}: cannot read the private key: Is a directory", self.refusal()
        )

    def test_garbage_for_a_key(self) -> None:
        for garbage in (
            b"",
            b"garbage",
            b"\x00\xff",
            b"-----BEGIN PRIVATE KEY-----\ngarbage\n-----END PRIVATE KEY-----\n",
            self.cert.read_bytes(),
        ):
            self.key.write_bytes(garbage)
            self.assertEqual(f"{self.key}: this is no private key in PEM format", self.refusal())

    def test_garbage_for_a_certificate(self) -> None:
        for garbage in (b"", b"garbage", b"\x00\xff", self.key.read_bytes()):
            self.cert.write_bytes(garbage)
            self.assertEqual(f"{self.cert}: this is no certificate in PEM format", self.refusal())

    def test_a_damaged_certificate(self) -> None:
        pem = self.cert.read_bytes()
        for damaged in (
            b"-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n",
            pem + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ):
            self.cert.write_bytes(damaged)
            self.assertEqual(f"{self.cert}: a certificate in this file is damaged", self.refusal())

    def test_an_encrypted_key(self) -> None:
        for form in (
            serialization.PrivateFormat.PKCS8,
            serialization.PrivateFormat.TraditionalOpenSSL,
        ):
            pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                form,
                serialization.BestAvailableEncryption(b"secret"),
            )
            self.key.write_bytes(pem)
            self.assertEqual(
                f"{self.key}: the private key is encrypted; give one that is not", self.refusal()
            )

    def test_a_chain_that_is_cut_off(self) -> None:
        _, other = certs.make(self.folder / "other")
        whole, more = self.cert.read_bytes(), other.read_bytes()
        for size in (30, len(more) // 2, len(more) - 10):
            self.cert.write_bytes(whole + more[:size])
            self.assertEqual(
                f"{self.cert}: the file ends within a certificate; it is cut off", self.refusal()
            )

    def test_a_key_that_openssl_finds_too_weak(self) -> None:
        key = rsa.generate_private_key(65537, 1024)
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.cert.write_bytes(signed(key))
        self.assertIn(f"{self.cert}: OpenSSL refuses this certificate: ", self.refusal())
