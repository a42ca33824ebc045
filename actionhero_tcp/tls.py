"""The certificate and the rules of TLS: 1.2 and 1.3, with forward secrecy and AEAD only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from OpenSSL import SSL, crypto
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion

from .errors import StartError

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Twisted's default accepts static RSA and CBC too."""

_OP_NO_RENEGOTIATION: Final = 1 << 30
_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


def load(key_file: str, cert_file: str) -> CertificateOptions:
    """Loads a key and its certificate, checked against each other.

    Args:
        key_file: The private key, as PEM.
        cert_file: The certificate, as PEM, and after it those that link it to its authority.

    Raises:
        StartError: A file is missing, unreadable or not what it should be, or the key is
            not the certificate's; the text names the file.
    """
    key = _load_key(key_file)
    certificate, *chain = _load_certificates(cert_file)
    if key.to_cryptography_key().public_key() != certificate.get_pubkey().to_cryptography_key():  # type: ignore[union-attr]
        raise StartError(f"{key_file}: this key is not that of the certificate in {cert_file}")
    options = CertificateOptions(
        privateKey=key,
        certificate=certificate,
        extraCertChain=chain,
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(CIPHERS),
    )
    try:
        context = options.getContext()
    except SSL.Error as error:
        raise StartError(f"{cert_file}: OpenSSL refuses this certificate: {error}") from None
    context.set_options(SSL.OP_NO_COMPRESSION | _OP_NO_RENEGOTIATION)
    return options


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


def _load_certificates(path: str) -> list[crypto.X509]:
    blocks = _CERTIFICATE.findall(_read(path, "certificate"))
    if not blocks:
        raise StartError(f"{path}: this is no certificate in PEM format")
    try:
        return [crypto.load_certificate(crypto.FILETYPE_PEM, block) for block in blocks]
    except (crypto.Error, ValueError):
        raise StartError(f"{path}: a certificate in this file is damaged") from None


def _read(path: str, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise StartError(f"{path}: cannot read the {what}: {error.strerror}") from None
