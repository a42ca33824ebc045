"""The header with which a proxy says whose connection it passes on, as HAProxy defines it.

Both versions of the PROXY protocol are read. Twisted has a reader too, but of the first
version it takes what the definition forbids, and the second it takes in one piece only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

V1_SIGNATURE: Final = b"PROXY "
V2_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"

MAX_V1_BYTES: Final = 107
"""The longest header of version 1, its line end included; the definition's own number."""

MAX_V2_BYTES: Final = 4096
"""As many bytes follow the fixed part of a version 2 header at most.

The definition allows 65535. The addresses take 216 at most; the rest is for facts that
nothing in here reads, such as a client's certificate name, and proxies send some hundred bytes.
"""

_V1_PROTOCOLS: Final[Mapping[str, Callable[[str], IPv4Address | IPv6Address]]] = {
    "TCP4": IPv4Address,
    "TCP6": IPv6Address,
}
_PORT: Final = re.compile(r"0|[1-9][0-9]{0,4}")

_FIXED_BYTES: Final = 16
_LOCAL, _PROXY = 0x20, 0x21
_FAMILIES: Final = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}
"""How many bytes the addresses take: unspecified, IPv4, IPv6, UNIX; the last digit is 1 for
streams and 2 for datagrams, which a proxy may turn into a stream (QUIC)."""

_UNIX_PATH_BYTES: Final = 108


class HeaderError(Exception):
    """The input is no PROXY header; the text has the reason, safe to show."""


@dataclass(frozen=True, slots=True)
class Header:
    """A complete header.

    Attributes:
        address: Where the client is: host and port, or the path of a UNIX socket (empty for
            one without a name, as those of clients mostly are). None where the header does
            not say: the proxy speaks for itself, as for a health check, or does not know.
        rest: What came after the header: the client's first bytes.
    """

    address: tuple[str, int] | str | None
    rest: bytes


class HeaderReader:
    """Reads the header of one connection, wherever its bytes are cut."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Header | None:
        """Takes in some bytes, up to those with which the header is complete.

        Returns:
            The header, or None while more is needed.

        Raises:
            HeaderError: It is malformed, or there is none; told as soon as that is certain.
        """
        data = self._data + data
        read = _read_v2 if data.startswith(V2_SIGNATURE[:1]) else _read_v1
        header = read(data)
        self._data = data if header is None else b""
        return header


def _read_v1(data: bytes) -> Header | None:
    """The header in what came so far; see `HeaderReader.feed`."""
    _check_signature(data, V1_SIGNATURE)
    end = data.find(b"\n", 0, MAX_V1_BYTES)
    if end < 0:
        if len(data) >= MAX_V1_BYTES:
            raise HeaderError(f"no line end within {MAX_V1_BYTES} bytes")
        return None
    line = data[:end].decode("latin-1")
    if not line.endswith("\r"):
        raise HeaderError(f"the line {line!a} does not end in CR LF")
    return Header(_v1_address(line[:-1].split(" ")), data[end + 1 :])


def _v1_address(words: list[str]) -> tuple[str, int] | None:
    protocol = words[1]
    if protocol == "UNKNOWN":
        return None
    if protocol not in _V1_PROTOCOLS:
        raise HeaderError(f"the protocol must be TCP4, TCP6 or UNKNOWN, not {protocol!a}")
    if len(words) != 6:
        raise HeaderError(f"{protocol} takes two addresses and two ports, not {words[2:]!a}")
    source, _ = (_host(word, protocol) for word in words[2:4])
    port, _ = (_port(word) for word in words[4:])
    return source, port


def _host(word: str, protocol: str) -> str:
    try:
        # An IPv6 address with a zone means something only where it was written.
        if "%" not in word:
            return _canonical(_V1_PROTOCOLS[protocol](word))
    except ValueError:
        pass
    raise HeaderError(f"{word!a} is no address for {protocol}")


def _canonical(address: IPv4Address | IPv6Address) -> str:
    """An address in its short form; an IPv4 one as such, also where it is wrapped in IPv6."""
    return str(getattr(address, "ipv4_mapped", None) or address)


def _port(word: str) -> int:
    if not _PORT.fullmatch(word) or int(word) > 65535:
        raise HeaderError(f"a port must be 0 to 65535, not {word!a}")
    return int(word)


def _read_v2(data: bytes) -> Header | None:
    """The header in what came so far; see `HeaderReader.feed`."""
    _check_signature(data, V2_SIGNATURE)
    command, family = data[12:13], data[13:14]
    if command and command[0] not in (_LOCAL, _PROXY):
        raise HeaderError(f"version and command must be 0x20 or 0x21, not 0x{command.hex()}")
    local = command == bytes([_LOCAL])
    if family and not local and family[0] not in _FAMILIES:
        raise HeaderError(f"0x{family.hex()} is no address family with its protocol")
    if len(data) < _FIXED_BYTES:
        return None
    needed = 0 if local else _FAMILIES[family[0]]
    length = int.from_bytes(data[14:16])
    if not needed <= length <= MAX_V2_BYTES:
        raise HeaderError(f"the length must be {needed} to {MAX_V2_BYTES}, not {length}")
    block, rest = data[_FIXED_BYTES:][:length], data[_FIXED_BYTES + length :]
    return Header(_v2_address(block, needed), rest) if len(block) == length else None


def _v2_address(block: bytes, size: int) -> tuple[str, int] | str | None:
    if not size:
        return None
    if size == 2 * _UNIX_PATH_BYTES:
        return block[:_UNIX_PATH_BYTES].partition(b"\0")[0].decode("utf-8", "replace")
    packed = block[: (size - 4) // 2]
    address = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    return _canonical(address), int.from_bytes(block[size - 4 : size - 2])


def _check_signature(data: bytes, signature: bytes) -> None:
    """The first bytes must be the signature's, as many of them as there are."""
    start = data[: len(signature)]
    if not signature.startswith(start):
        size = next(n for n in range(len(start)) if start[n] != signature[n]) + 1
        wrong = start[:size].decode("latin-1")
        raise HeaderError(f"this is no PROXY header, since it begins with {wrong!a}")
