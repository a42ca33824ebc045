r"""Strict JSON out.

msgspec writes, with dates, UUIDs, enums, sets, `Struct`, dataclasses and the like inside. Three
things need more than its encoder:

- It writes NaN and the infinities as ``null`` without a word. Where the JSON holds ``null`` at
  all, the value is looked through for them.
- It refuses lone surrogates, and subclasses of str, int and float. Such a value is written
  piece by piece (`_write`): a string with lone surrogates by ujson, as ``\uXXXX`` escapes, and
  every other piece by msgspec, so that both ways give the same bytes.
- `msgspec.Raw` may hold line breaks. Such a text is read and written again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

import msgspec
import ujson

from ..errors import UnserializableError

NEWLINE: Final = ord("\n")

# Its type stubs differ in the order of arguments.
_ujson_dumps: Final[Callable[..., str]] = ujson.dumps


def _unknown(value: object) -> object:
    """The form of a value that msgspec does not know."""
    if isinstance(value, bool) or hasattr(value, "__json__") or hasattr(value, "toDict"):
        # A truth value comes here as a key only. An object with methods that other writers call
        # gets an error instead.
        raise _refuse(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return dict(value)
    if is_pydantic(type(value)):
        return value.model_dump(mode="json", by_alias=True)  # type: ignore[attr-defined]
    raise _refuse(value)


def _refuse(value: object) -> TypeError:
    return TypeError(f"it holds a value of type {type(value).__name__}, which is no JSON")


def is_pydantic(kind: object) -> bool:
    """Whether a type is a pydantic model; pydantic is not imported for that."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


encode: Final = msgspec.json.Encoder(enc_hook=_unknown).encode
"""msgspec's own encoder, for who looks at what it wrote, and at its errors, as `dumps` does."""
_decode = msgspec.json.Decoder().decode


def dumps(value: object) -> bytes:
    """Encode a value from the application.

    Args:
        value: Anything that msgspec can write, or a pydantic model.

    Raises:
        UnserializableError: It holds NaN or an infinity, contains itself, is nested too
            deeply, or is of a type that has no form in JSON.
    """
    try:
        text: bytes = encode(value)
    except Exception:
        text = _write_slowly(value)
    # `in` takes twice as long for bytes as `find` does, and ten times as long as for one byte.
    if text.find(b"null") >= 0 or NEWLINE in text:
        return check(value, text)
    return text


def dumps_plain(value: object) -> bytes:
    """Encode a value that is to be the same when it is read again.

    Args:
        value: Made of dict (with str keys), list, tuple, str, int, float, bool and None.

    Raises:
        UnserializableError: See `dumps`; or it holds anything else.
    """
    # A text is most of what is kept in a cache, and plain.
    if type(value) is not str:
        try:
            _check_plain(value, "it")
        except RecursionError as error:
            raise UnserializableError(f"it is not JSON: {error}") from None
    return dumps(value)


def check(value: object, text: bytes) -> bytes:
    """Look at what may be wrong with a text that holds ``null`` or a line break.

    Args:
        value: The value.
        text: The result of `encode`.

    Returns:
        The text, on one line.

    Raises:
        UnserializableError: See `dumps`.
    """
    if b"\n" in text:
        try:
            text = encode(_decode(text))
        except Exception as error:
            raise UnserializableError(f"it is not JSON: {error}") from None
    if b"null" in text:
        try:
            _refuse_not_finite(as_builtins(value))
        except (ValueError, RecursionError) as error:
            raise UnserializableError(f"it is not JSON: {error}") from None
    return text


def as_builtins(value: object) -> object:
    """A value as dicts, lists, strings and numbers, in the form in which it is written.

    Raises:
        UnserializableError: It is of a type that has no form in JSON, or contains itself.
    """
    try:
        return msgspec.to_builtins(value, enc_hook=_unknown, str_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnserializableError(f"it is not JSON: {error}") from None


def _refuse_not_finite(value: object) -> None:
    kind = type(value)
    if kind is float:
        if not isfinite(value):  # type: ignore[arg-type]
            raise ValueError(f"{value} has no form in JSON")
    elif kind is dict:
        for item in value.values():  # type: ignore[attr-defined]
            _refuse_not_finite(item)
    elif kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]
            _refuse_not_finite(item)


def _write_slowly(value: object) -> bytes:
    """Write what the encoder has refused, or say what is wrong with it."""
    try:
        _explain(value, "it")
        return _write(value)
    except UnserializableError:
        raise
    except Exception as error:
        raise UnserializableError(f"it is not JSON: {error}") from None


def _write(value: object) -> bytes:
    """Write a value piece by piece."""
    if isinstance(value, str):
        return _write_text(str.__str__(value))
    if isinstance(value, dict):
        pairs = (b"%b:%b" % (_write_key(key), _write(item)) for key, item in value.items())
        return b"{%b}" % b",".join(pairs)
    if isinstance(value, list | tuple):
        return b"[%b]" % b",".join(map(_write, value))
    try:
        return encode(value)
    except UnicodeEncodeError:
        return _write(as_builtins(value))


def _write_key(key: object) -> bytes:
    if isinstance(key, str):
        return _write_text(str.__str__(key))
    return encode({key: 0})[1:-3]


def _write_text(text: str) -> bytes:
    try:
        return encode(text)
    except UnicodeEncodeError:
        # Positional, since keywords take ujson 400 ns: not ASCII only, no HTML escapes, no
        # escaped slashes. JSON's escape for a lone surrogate is Python's.
        return _ujson_dumps(text, False, False, False).encode("utf-8", "backslashreplace")


_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
"""The classes of plain values that hold no others; those of their subclasses are plain as well."""


def _explain(value: object, where: str) -> None:
    """Name the key of what cannot be written, as far as dicts and lists go."""
    if isinstance(value, dict):
        for key, item in value.items():
            _explain(item, key if isinstance(key, str) else where)
    elif isinstance(value, list | tuple):
        for item in value:
            _explain(item, where)
    else:
        try:
            encode(value)
        except TypeError:
            raise _no_json(value, where) from None
        except UnicodeEncodeError:
            pass


def _check_plain(value: object, where: str) -> None:
    if type(value) in _PLAIN:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise UnserializableError(f"{where} has the key {key!r}, which is no str")
            _check_plain(item, key)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_plain(item, where)
    elif value is not None and not isinstance(value, str | int | float):
        raise _no_json(value, where)


def _no_json(value: Any, where: str) -> UnserializableError:
    return UnserializableError(
        f"{where} holds a value of type {type(value).__name__}, which is no JSON"
    )
