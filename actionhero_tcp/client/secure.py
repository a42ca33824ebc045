"""TLS for clients on the standard library's sockets; `twisted_tls` has the same rules."""

from __future__ import annotations

import ssl

from .settings import TLS


def context(tls: TLS) -> ssl.SSLContext:
    """Return the TLS context of a client: the server's name and authority are always checked.

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
