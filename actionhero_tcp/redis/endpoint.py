"""How a connection to Redis is made: TCP, TLS or a UNIX socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from OpenSSL import SSL
from twisted.internet.endpoints import UNIXClientEndpoint, wrapClientTLS
from twisted.internet.ssl import (
    Certificate,
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)

from ..errors import StartError
from ..net import tls
from ..net.client_endpoints import tcp
from .address import RedisAddress
from .sentinel import SentinelEndpoint

CONNECT_SECONDS: Final = 4.0
"""The longest time for an attempt to connect."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files for TLS to Redis beside the system's authorities.

    Attributes:
        ca_file: The authorities that may have signed Redis' certificate, as PEM; empty for
            those that the system trusts.
        cert_file: The certificate to show to Redis, as PEM; empty to show none.
        key_file: Its private key.
        server_name: The name that Redis' certificate must have; empty for the host's.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""


def connector(address: RedisAddress, files: TlsFiles, reactor: Any) -> Any:
    """A client endpoint for Redis.

    Args:
        address: Where Redis is.
        files: The files for TLS.
        reactor: The reactor.

    Raises:
        StartError: A file is missing or damaged, or files are given where no TLS is spoken.
    """
    if not address.is_secure and files != TlsFiles():
        raise StartError(
            "redis.caFile, certFile, keyFile and serverName are for TLS: "
            "write rediss:// in redis.url, or set redis.secure"
        )
    if address.path:
        return UNIXClientEndpoint(reactor, address.path, CONNECT_SECONDS)
    if address.sentinels:
        return SentinelEndpoint(
            reactor,
            address.sentinels,
            address.name,
            lambda host, port: tcp(reactor, host, port, CONNECT_SECONDS),
        )
    endpoint = tcp(reactor, address.host, address.port, CONNECT_SECONDS)
    if not address.is_secure:
        return endpoint
    return wrapClientTLS(_tls_options(address, files), endpoint)


def _tls_options(address: RedisAddress, files: TlsFiles) -> Any:
    if bool(files.cert_file) != bool(files.key_file):
        raise StartError("redis.certFile and redis.keyFile go together: give both, or none")
    trust = certificate = None
    if files.ca_file:
        authorities = tls.load_certificates(files.ca_file)
        trust = trustRootFromCertificates([Certificate(each) for each in authorities])
    if files.cert_file:
        key, shown, _ = tls.load_pair(files.key_file, files.cert_file)
        certificate = PrivateCertificate(shown).fromCertificateAndKeyPair(
            Certificate(shown), KeyPair(key)
        )
    name = files.server_name or address.host
    try:
        return optionsForClientTLS(name, trust, certificate)
    except (SSL.Error, ValueError, UnicodeError):
        raise StartError(
            "redis: TLS cannot be set up with this server name and certificate"
        ) from None
