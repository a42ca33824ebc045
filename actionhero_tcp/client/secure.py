"""TLS for clients: a server whose name is checked, authorities, and a certificate to show."""

from __future__ import annotations

import ssl
from typing import Any

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.ssl import (
    Certificate,
    TLSVersion,
    optionsForClientTLS,
    trustRootFromCertificates,
)

from ..errors import StartError
from ..net.tls import load_certificates, load_pair
from .settings import TLS


def over(endpoint: Any, host: str, tls: TLS) -> Any:
    """A Twisted client endpoint that speaks TLS over another one.

    Args:
        endpoint: The other one.
        host: The host it connects to, for its name; empty where it is none.
        tls: How to speak TLS.

    Raises:
        ValueError: A file cannot be used, or no name is known; the text says which.
    """
    name = server_name(host, tls)
    more: dict[str, Any] = {"raiseMinimumTo": TLSVersion.TLSv1_2}
    trust: Any = None
    try:
        if tls.ca_file is not None:
            trusted = [Certificate(authority) for authority in load_certificates(tls.ca_file)]
            trust = trustRootFromCertificates(trusted)
        if tls.key_file is not None and tls.cert_file is not None:
            key, certificate, chain = load_pair(tls.key_file, tls.cert_file)
            more.update(privateKey=key, certificate=certificate, extraCertChain=chain)
    except StartError as error:
        raise ValueError(str(error)) from None
    options: Any = optionsForClientTLS(name, trust, extraCertificateOptions=more)
    return wrapClientTLS(options, endpoint)


def context(tls: TLS) -> ssl.SSLContext:
    """The same rules for sockets of the standard library.

    Raises:
        ValueError: A file cannot be used; the text names it.
    """
    try:
        made = ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ValueError) as error:
        raise ValueError(f"{tls.ca_file}: cannot use these authorities: {_why(error)}") from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if tls.cert_file is not None:
            # The empty passphrase keeps OpenSSL from asking for one on the terminal.
            made.load_cert_chain(tls.cert_file, tls.key_file, "")
    except (OSError, ValueError) as error:
        pair = f"{tls.cert_file}, {tls.key_file}"
        raise ValueError(f"{pair}: cannot use this certificate and key: {_why(error)}") from None
    return made


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or error)


def server_name(host: str, tls: TLS) -> str:
    """The name that the server's certificate has to hold.

    Raises:
        ValueError: None is known.
    """
    name = tls.server_name or host
    if not name:
        raise ValueError("TLS needs a name to check: give TLS(server_name=…)")
    return name
