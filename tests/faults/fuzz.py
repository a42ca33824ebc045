"""Lines that no client in its right mind sends: a corpus, and what chance makes of it."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable


def _client_hello() -> bytes:
    """What a TLS client says first."""
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake alone")


HELLO = _client_hello()

OTHER_PROTOCOLS = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
    b'POST /x HTTP/1.1\r\nContent-Length: 24\r\n\r\n{"action":"randomNumber"}',
    b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.0",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    HELLO,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
    b"\xff\xfb\x01\xff\xfb\x03\xff\xfd\x18\xff\xfd\x1f",
    b"\xff\xfa\x18\x00xterm-256color\xff\xf0",
    b"\xff\xf4\xff\xfd\x06",
    b"\xff\xf4\xff\xfd",
    b"\x04",
    b"\x03",
    b"SSH-2.0-OpenSSH_9.2",
    b"EHLO example.org\r\nMAIL FROM:<a@example.org>\r\nDATA\r\n.\r\nQUIT",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb",
    b"OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo",
    b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50",
    b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",
    b"\x00\x00\x00\x85\xffSMBr\x00\x00\x00\x00\x18\x53\xc8",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2",
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02",
    b"stats items",
)

BYTES = (
    bytes(range(256)),
    bytes(range(255, -1, -1)),
    b"\x00" * 40,
    b"\xff" * 40,
    b"\xef\xbb\xbfrandomNumber",
    "randomNumber".encode("utf-16"),
    b"\xc0\x80\xe0\x80\xaf",
    b"\xed\xa0\x80\xed\xbf\xbf",
    b"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80",
    b"say \xe2\x98",
    b'{"action":"\xc3\x28"}',
    b"\r",
    b"\r\r\r",
    b" \t ",
    b"say a\rsay b\r",
    "say \u2028\u2029\u0085\u202e\u200b\ufeff\u2603".encode(),
)

NESTED = (
    b"[" * 100_000,
    b"{" * 100_000,
    b'{"a":' * 12_000,
    b'{"action":"randomNumber","params":{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
    b'{"action":"randomNumber","params":' + b'{"a":' * 70 + b"1" + b"}" * 71,
    b'{"action":"randomNumber","params":' + b'{"a":' * 60 + b"1" + b"}" * 61,
    b"say " + b"x" * 65_532,
    b"say " + b"x" * 65_533,
    b"x" * 200_000,
    b'{"action":"' + b"\\u0041" * 10_000 + b'"}',
)

NUMBERS = tuple(
    b'{"action":"sleepTest","params":{"sleepDuration":%b}}' % number
    for number in (
        b"0",
        b"5",
        b"-1",
        b"-0.0",
        b"1e308",
        b"1e309",
        b"1e-400",
        b"9" * 400,
        b"9" * 4301,
        b"0.1e1",
        b"NaN",
        b"-Infinity",
        b"01",
        b"1.",
        b"0x10",
        b'"1e3"',
        b"1_000",
        "１２".encode(),
        b"true",
        b"null",
        b"[]",
        b"{}",
    )
)

NAMES = (
    b"paramAdd __proto__=polluted",
    b"paramAdd constructor=x",
    b"paramAdd __class__=x",
    b"paramAdd messageCount=7",
    b"paramAdd context=api",
    b"paramAdd limit=__proto__",
    b"paramAdd offset=1e999",
    b'{"__proto__":{"action":"randomNumber"}}',
    b'{"action":"__proto__","params":{"__proto__":{"x":1},"constructor":{"prototype":1}}}',
    b'{"action":"cacheTest","params":{"key":"__proto__","value":{"toString":1}}}',
    b'{"action":"randomNumber","params":{"api":1,"connection":2,"self":3,"limit":null}}',
    b'{"action":"randomNumber","action":"status"}',
    b"__init__",
    b"constructor",
    b"roomChange __proto__",
    b"paramAdd roomMatchKey=__class__",
    b"paramAdd roomMatchValue=<class>",
)

TEXTS = (
    b"say %s%s%s%n%x %(name)s ${HOME} $(id) `id` {0} {0.__class__} {connection.params} {{}}",
    b"%s%n {traceback!r} {name:>1000000}",
    b"paramAdd key={0.__globals__}%n",
    b"roomChange %n{room}",
    b'{"action":"{0}%s","params":{"%s":"{name}"}}',
    b"say \x1b]0;owned\x07\x1b[2J\x1b[31m\x1b(0\x9b31m\x90q\x08\x08\x7f",
    b"\x1b[2J\x1b[1;1Hroot@host:~#",
    b"paramAdd \x1b[31m=\x1b[0m",
    b'{"action":"\\u001b[2J\\u009b\\u202e","params":{"\\u0000":"\\r\\n2026-01-01 forged"}}',
    b'{"action":"cacheTest","params":{"key":"\\ud800","value":"\\udfff\\n"}}',
    b"x\rrequest client=0 from=127.0.0.1:1 number=1 name=forged ms=0.1 ok",
    b"' OR 1=1; DROP TABLE users; --",
    b"<script>alert(1)</script>",
    b"() { :;}; /bin/sh -c id",
    b"${jndi:ldap://127.0.0.1/a}",
)

REQUESTS = (
    *(b"quit", b"exit", b"close", b"quit now", b"detailsView", b"roomView", b"paramsView"),
    *(b"paramsDelete", b"paramAdd", b"paramAdd =", b"paramAdd a=b", b"paramAdd a", b"paramView"),
    *(b"paramView a", b"paramDelete a", b"addParam a=b=c", b"viewParam a", b"deleteParam"),
    *(b"roomChange", b"roomChange a", b"roomChange b c", b"say", b"say ", b"say hello"),
    *(b"randomNumber", b"cacheTest", b"sleepTest", b"status", b"actionsView", b"file"),
    *(b"paramAdd fileName=f", b"paramAdd fileName=../f", b"paramAdd key=k", b"paramAdd value=v"),
    *(b"paramAdd limit=1", b"paramAdd offset=x", b"paramAdd roomMatchKey=id", b"nothing"),
    *(b"{", b"{}", b'{"action":1}', b'{"action":null}', b'{"params":{}}', b'{"action":""}'),
    b'{"action":"randomNumber","params":[]}',
    b'{"action":"randomNumber"}',
    b'{"action":"file","params":{"fileName":"f"}}',
    b'{"action":"file","params":{"fileName":"../../../../etc/passwd"}}',
    b'{"action":"file","params":{"fileName":"/etc/passwd\\u0000.txt"}}',
    b'{"action":"cacheTest","params":{"key":"k","value":"v"}}',
    b'{"action":"cacheTest","params":{"key":{"a":[1,2,{"b":null}]},"value":[]}}',
    b"paramAdd big=" + b"x" * 15_000,
)

SMALL = (*OTHER_PROTOCOLS, *BYTES, *NUMBERS, *NAMES, *TEXTS, *REQUESTS)
CORPUS = (*SMALL, *NESTED)


class Source:
    """Bytes without end: the whole corpus first, and then what chance makes of it.

    What it gives stands for a line, or for several where it holds line ends.

    Args:
        seed: What the chances begin with.

    Attributes:
        returned: What was given but not used; it is given again.
    """

    def __init__(self, seed: int) -> None:
        self.returned = list(reversed(CORPUS))
        self._chance = random.Random(seed)

    def next(self) -> bytes:
        """The next bytes, without the end of the last line."""
        if self.returned:
            return self.returned.pop()
        (change,) = self._chance.choices(_CHANGES, _WEIGHTS)
        return change(self._chance)


def _as_it_is(chance: random.Random) -> bytes:
    return chance.choice(SMALL)


def _large(chance: random.Random) -> bytes:
    return chance.choice(NESTED)


def _changed(chance: random.Random) -> bytes:
    """Some bytes are replaced, go or come."""
    data = bytearray(chance.choice(SMALL))
    for _ in range(chance.randint(1, 4)):
        place = int(chance.random() * (len(data) + 1))
        length = int(chance.random() * 3)
        data[place : place + length] = chance.randbytes(int(chance.random() * 3))
    return bytes(data)


def _spliced(chance: random.Random) -> bytes:
    """The beginning of one, the end of another."""
    first, second = chance.choice(SMALL), chance.choice(SMALL)
    cut = int(chance.random() * (len(first) + 1))
    return first[:cut] + second[int(chance.random() * (len(second) + 1)) :]


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(int(chance.random() * 40))


def _text(chance: random.Random) -> bytes:
    """Words that the server knows, with any characters between them."""
    text = "".join(chr(int(chance.random() * 0x500)) for _ in range(int(chance.random() * 10)))
    return chance.choice(REQUESTS)[:20] + text.encode()


_CHANGES: tuple[Callable[[random.Random], bytes], ...] = (
    _as_it_is,
    _changed,
    _spliced,
    _noise,
    _text,
    _large,
)
_WEIGHTS = (200, 400, 200, 100, 99, 1)
