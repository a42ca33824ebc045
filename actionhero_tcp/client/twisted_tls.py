"""TLS for clients on Twisted: a checked server name, authorities, and a certificate to show."""

from __future__ import annotations

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
from .secure import server_name
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
