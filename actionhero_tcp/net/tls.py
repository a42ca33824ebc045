"""The certificates and the rules of TLS: 1.2 and 1.3, with forward secrecy and AEAD only."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
    trustRootFromCertificates,
)
from zope.interface import implementer

from ..errors import StartError, printable
from ..regular_file import read_regular
from .handshake_failure import Verification, note_verification

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Twisted's default accepts static RSA and CBC too."""

EXPIRES_SOON: Final = timedelta(days=30)
"""A certificate of ours that expires within this time is worth a warning."""

_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_OP_NO_RENEGOTIATION: Final = 1 << 30
_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """Gives each new connection the certificate that is current at that time.

    Args:
        context: Returns what `load` gave; a reload may change it.
    """

    def __init__(self, context: Callable[[], SSL.Context]) -> None:
        self._context = context

    @property
    def expires_at(self) -> float:
        """When the current certificate expires, in seconds since 1970."""
        certificate = SSL.Connection(self._context(), None).get_certificate()
        assert certificate is not None
        return certificate.to_cryptography().not_valid_after_utc.timestamp()

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """The TLS state of a connection that has just come."""
        connection = SSL.Connection(self._context(), None)
        connection.set_app_data(Verification())
        return connection


def version_of(transport: Any) -> str:
    """Returns the version of TLS that a connection speaks, such as ``TLSv1.3``.

    Args:
        transport: Its transport, after the handshake.
    """
    return str(transport.getHandle().get_protocol_version_name())


def load(key_file: str, cert_file: str, ca_file: str = "") -> SSL.Context:
    """Loads a key and its certificate, checked against each other.

    Args:
        key_file: The private key, as PEM.
        cert_file: The certificate, as PEM, and after it those that link it to its authority.
        ca_file: The certificates of the authorities, as PEM, one of which must have signed
            the certificate that a client has to show; empty where clients show none.

    Raises:
        StartError: A file is missing, unreadable or not what it should be, or the key is
            not the certificate's; the text names the file.
    """
    key, certificate, chain = load_pair(key_file, cert_file)
    authorities = load_certificates(ca_file) if ca_file else []
    options = CertificateOptions(
        privateKey=key,
        certificate=certificate,
        extraCertChain=chain,
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(CIPHERS),
        trustRoot=_trust(authorities),
    )
    try:
        context = options.getContext()
    except SSL.Error as error:
        raise StartError(f"{cert_file}: OpenSSL refuses this certificate: {error}") from None
    context.set_options(SSL.OP_NO_COMPRESSION | _OP_NO_RENEGOTIATION)
    context.set_client_ca_list([authority.get_subject() for authority in authorities])
    _ignore_alpn(context)
    if authorities:
        context.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT | SSL.VERIFY_CLIENT_ONCE,
            note_verification,
        )
    return context


def warnings(cert_file: str, ca_file: str = "", now: datetime | None = None) -> list[str]:
    """What is to be said of the dates of certificates that `load` takes.

    Args:
        cert_file: See `load`.
        ca_file: See `load`.
        now: The time; None for the present.

    Returns:
        A line for each certificate that has expired, is not valid yet, or expires soon.
    """
    now = now or datetime.now(UTC)
    found = []
    for path in filter(None, (cert_file, ca_file)):
        for certificate in load_certificates(path):
            parsed = certificate.to_cryptography()
            start, end = parsed.not_valid_before_utc, parsed.not_valid_after_utc
            text = None
            if now > end:
                text = f"has expired on {end:%Y-%m-%d}"
            elif now < start:
                text = f"is not valid before {start:%Y-%m-%d %H:%M} UTC"
            elif end - now < EXPIRES_SOON:
                text = f"expires on {end:%Y-%m-%d}, in {(end - now).days} days"
            if text is not None:
                name = printable(parsed.subject.rfc4514_string())
                found.append(f"{path}: the certificate of {name} {text}")
    return found


def ignore_alpn_of(endpoint: Any) -> None:
    """Has one of Twisted's ``ssl:`` endpoints ignore which protocols a client offers."""
    options = getattr(endpoint, "_sslContextFactory", None)
    if options is not None:
        _ignore_alpn(options.getContext())


def _ignore_alpn(context: SSL.Context) -> None:
    """Answers no protocol by ALPN; what Twisted answers ends each handshake that offers one."""
    context.set_alpn_select_callback(lambda connection, offered: SSL.NO_OVERLAPPING_PROTOCOLS)


def load_pair(key_file: str, cert_file: str) -> tuple[crypto.PKey, crypto.X509, list[crypto.X509]]:
    """Loads a key and its certificate, checked against each other.

    Returns:
        The key, the certificate, and those that link it to its authority.

    Raises:
        StartError: See `load`.
    """
    key = _load_key(key_file)
    certificate, *chain = load_certificates(cert_file)
    if key.to_cryptography_key().public_key() != certificate.get_pubkey().to_cryptography_key():  # type: ignore[union-attr]
        raise StartError(f"{key_file}: this key is not that of the certificate in {cert_file}")
    return key, certificate, chain


def _trust(authorities: list[crypto.X509]) -> Any:
    """The authorities for the certificates of clients; None if clients need none."""
    if not authorities:
        return None
    return trustRootFromCertificates([Certificate(authority) for authority in authorities])


def identity(certificate: crypto.X509) -> dict[str, Any]:
    """The identity of a client, from its certificate.

    Returns:
        ``commonName`` (the last of the subject; "" where there is none), ``subject`` (as
        RFC 4514 writes it), ``names`` (the DNS names, addresses, mail addresses and URIs of
        the certificate), ``serialNumber`` and ``fingerprint`` (SHA-256), both in hex.
    """
    parsed = certificate.to_cryptography()
    common = parsed.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return {
        "commonName": str(common[-1].value) if common else "",
        "subject": parsed.subject.rfc4514_string(),
        "names": _alternative_names(parsed),
        "serialNumber": f"{parsed.serial_number:x}",
        "fingerprint": parsed.fingerprint(hashes.SHA256()).hex(),
    }


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(name.value) for name in extension.value if hasattr(name, "value")]


def _load_key(path: str) -> crypto.PKey:
    pem = _read(path, "private key")
    try:
        # The empty passphrase keeps OpenSSL from asking for one on the terminal.
        return crypto.load_privatekey(crypto.FILETYPE_PEM, pem, b"")
    except (crypto.Error, ValueError, TypeError):
        if b"ENCRYPTED" in pem:
            raise StartError(
                f"{path}: the private key is encrypted; give one that is not"
            ) from None
        raise StartError(f"{path}: this is no private key in PEM format") from None


def load_certificates(path: str) -> list[crypto.X509]:
    """Loads all certificates of a PEM file.

    Raises:
        StartError: There are none, or one is damaged; the text names the file.
    """
    pem = _read(path, "certificate")
    blocks = _CERTIFICATE.findall(pem)
    if pem.count(_BEGIN) > len(blocks) > 0:
        raise StartError(f"{path}: the file ends within a certificate; it is cut off")
    if not blocks:
        raise StartError(f"{path}: this is no certificate in PEM format")
    try:
        return [crypto.load_certificate(crypto.FILETYPE_PEM, block) for block in blocks]
    except (crypto.Error, ValueError):
        raise StartError(f"{path}: a certificate in this file is damaged") from None


def _read(path: str, what: str) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise StartError(f"{path}: cannot read the {what}: {error.strerror}") from None
