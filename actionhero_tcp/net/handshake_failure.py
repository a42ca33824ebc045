"""Why a TLS handshake failed: OpenSSL's words as reasons for the log and the counters."""

from __future__ import annotations

from typing import Any, Final

from OpenSSL import SSL

from .. import close_reasons

_CERT_HAS_EXPIRED: Final = 10
_CERT_NOT_YET_VALID: Final = 9

_REASONS: Final = {
    "wrong version number": close_reasons.NOT_TLS,
    "http request": close_reasons.NOT_TLS,
    "https proxy request": close_reasons.NOT_TLS,
    "packet length too long": close_reasons.NOT_TLS,
    "record layer failure": close_reasons.NOT_TLS,
    "unsupported protocol": close_reasons.NO_COMMON_TLS,
    "no shared cipher": close_reasons.NO_COMMON_TLS,
    "no suitable key share": close_reasons.NO_COMMON_TLS,
    "no suitable signature algorithm": close_reasons.NO_COMMON_TLS,
    "no shared signature algorithms": close_reasons.NO_COMMON_TLS,
    "no protocols available": close_reasons.NO_COMMON_TLS,
    "version too low": close_reasons.NO_COMMON_TLS,
    "inappropriate fallback": close_reasons.NO_COMMON_TLS,
    "peer did not return a certificate": close_reasons.NO_CLIENT_CERTIFICATE,
    "certificate verify failed": close_reasons.UNKNOWN_CLIENT_CERTIFICATE,
}
"""OpenSSL's reasons. There are some hundred; what is not here is a failed handshake."""

_ALERT: Final = " alert "


class Verification:
    """The result of the check of a client's certificate.

    Attributes:
        error: The number of OpenSSL's first error; 0 where there was none.
    """

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error = 0


def note_verification(
    connection: SSL.Connection, certificate: object, error: int, depth: int, passed: int
) -> bool:
    """Remembers why a client's certificate is refused, for `reason_of`; OpenSSL calls it."""
    verification = connection.get_app_data()
    if isinstance(verification, Verification) and not passed:
        verification.error = verification.error or error
    return bool(passed)


def reason_of(error: BaseException | None, transport: Any) -> tuple[str, str | None]:
    """Why a connection ended during its TLS handshake.

    Args:
        error: The reason for the loss of its transport.
        transport: The transport.

    Returns:
        The close reason, and what OpenSSL says where that tells more.
    """
    if not isinstance(error, SSL.Error) or isinstance(error, SSL.SysCallError) or not error.args:
        return close_reasons.HANDSHAKE_CUT_OFF, None
    texts = [str(entry[-1]) for entry in error.args[0] if entry] if error.args[0] else []
    # Of several the last one is of TLS, those before it of what TLS had asked for.
    text = texts[-1] if texts else "unknown error"
    if text.startswith("unexpected eof"):
        return close_reasons.HANDSHAKE_CUT_OFF, None
    if _ALERT in text:
        return close_reasons.REFUSED_BY_TLS_CLIENT, text
    reason = _REASONS.get(text, close_reasons.HANDSHAKE_FAILED)
    if reason is close_reasons.UNKNOWN_CLIENT_CERTIFICATE:
        verification = _verification_of(transport)
        if verification in (_CERT_HAS_EXPIRED, _CERT_NOT_YET_VALID):
            return close_reasons.EXPIRED_CLIENT_CERTIFICATE, None
        return reason, None
    return reason, text


def _verification_of(transport: Any) -> int:
    try:
        verification = transport.getHandle().get_app_data()
    except Exception:
        return 0
    return verification.error if isinstance(verification, Verification) else 0
