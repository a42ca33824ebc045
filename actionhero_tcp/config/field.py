"""A field of the configuration: what is known of it, and the check of its values."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

HIDDEN: Final = "[HIDDEN]"
"""Stands for a secret."""

_LARGEST_EXACT: Final = 2**53
"""Whole numbers up to this one are floats without a loss."""

_TYPE_NAMES: Final = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def option(
    default: object,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    key: str | None = None,
    option: str | None = None,
    path: bool = False,
    live: bool = False,
    choices: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    secret: bool = False,
    form: tuple[str, str] | None = None,
) -> Any:
    """A field of the configuration.

    Takes many parameters: each is a fact that few fields have, and is given by its keyword.

    Args:
        default: Its default; a tuple for a list of strings.
        help: What it means, for ``--help`` and the docs.
        minimum: The smallest number allowed.
        maximum: The largest number allowed.
        key: Its key in config.json, where that is not the name in camelCase.
        option: Its option, where that is not the name with dashes.
        path: It is a path, and counts from the config file's folder.
        live: A reload changes it while the server runs.
        choices: All that it can be, where that is a few words.
        only: Words that a flag can be too, for a part of what it turns on; where there are some,
            a number from 0 to 1 is a share of it.
        secret: It is never shown.
        form: A regular expression that a string has to match as a whole, and what it is then.
    """
    facts = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "key": key,
        "option": option,
        "path": path,
        "live": live,
        "choices": choices,
        "only": only,
        "secret": secret,
        "form": form,
    }
    return field(default=default, metadata=facts)


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """What is known of one field, for the file's reader, the options and the docs.

    Attributes:
        section: The attribute of `Config` that holds the field's section.
        name: The field's name in that section.
        section_key: The section's key in config.json.
        key: The field's key in config.json.
        option: Its option, without the dashes in front.
        type: ``str``, ``int``, ``float``, ``bool`` or ``tuple`` (of strings).
        default: Its default.
        help: What it means.
        minimum: The smallest number allowed, or None.
        maximum: The largest number allowed, or None.
        path: Whether it is a path.
        live: Whether a reload changes it while the server runs.
        choices: All that it can be; empty where it can be anything.
        only: See `option`; empty for all but some flags.
        secret: Whether it is never shown.
        form: A regular expression that a string has to match as a whole, and what it is then;
            or None.
    """

    section: str
    name: str
    section_key: str
    key: str
    option: str
    type: type
    default: Any
    help: str
    minimum: float | None
    maximum: float | None
    path: bool
    live: bool
    choices: tuple[str, ...]
    only: tuple[str, ...]
    secret: bool
    form: tuple[str, str] | None

    def changes_live(self, old: object, new: object) -> bool:
        """Whether a reload makes a change while the server runs.

        A flag that can be a part of what it turns on changes between parts, as long as it is on.
        """
        return self.live and not (self.only and False in (old, new))

    def check(self, value: object) -> Any:
        """The value, checked, as the field's type.

        Raises:
            ValueError: It is of another type or out of range; the text says what was expected.
        """
        if self.type is tuple:
            return self._check_list(value)
        if self.type is float and type(value) is int and abs(value) <= _LARGEST_EXACT:
            value = float(value)
        if type(value) is not self.type:
            return self._part(value)
        if self.type in (int, float):
            self._check_range(value)
        if self.choices and value not in self.choices:
            raise ValueError(f"must be {' or '.join(self.choices)}, not {shown(value)}")
        if isinstance(value, str) and self.form and not re.fullmatch(self.form[0], value):
            raise ValueError(f"must be {self.form[1]}, not {shown(value)}")
        if isinstance(value, str):
            self._check_text(value)
        return value

    def _check_list(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise ValueError("must be a list of strings")
        for text in value:
            self._check_text(text)
            if self.choices and text not in self.choices:
                raise ValueError(f"must be of {', '.join(self.choices)}, not {shown(text)}")
        return tuple(value)

    def parse(self, text: str) -> Any:
        """Like `check`, for the text of a command-line option."""
        value: object = text
        if self.type in (int, float):
            try:
                value = self.type(text)
            except ValueError:
                raise self._wrong_type(repr(text)) from None
        return self.check(value)

    def parse_part(self, text: str) -> Any:
        """Like `check`, for the text of the option that names a part of what a flag turns on."""
        try:
            return self._part(float(text))
        except ValueError:
            return self._part(text)

    def _part(self, value: object) -> str | float:
        """A value that is not of the field's type, where it stands for a part of a flag."""
        if not self.only:
            raise self._wrong_type(shown(value))
        if isinstance(value, str) and value in self.only:
            return value
        if isinstance(value, float) and 0 < value < 1:
            return value
        words = ", ".join(f'"{word}"' for word in self.only)
        raise ValueError(
            f"must be true, false, {words} or a share between 0 and 1, not {shown(value)}"
        )

    def _wrong_type(self, shown: str) -> ValueError:
        return ValueError(f"must be {_TYPE_NAMES[self.type]}, not {shown}")

    def _check_text(self, text: str) -> None:
        """Refuses what no file name, no address and no line of a log can hold."""
        try:
            text.encode()
        except UnicodeEncodeError:
            problem = "must be Unicode text, without half characters"
        else:
            if "\0" not in text:
                return
            problem = "must not hold a NUL"
        raise ValueError(f"{problem}: {HIDDEN if self.secret else shown(text)}")

    def _check_range(self, value: Any) -> None:
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"must be a finite number, not {value}")
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be at least {self.minimum:g}, not {_number(value)}")
        maximum = _LARGEST_EXACT if self.maximum is None else self.maximum
        if value > maximum:
            raise ValueError(f"must be at most {maximum:g}, not {_number(value)}")


def shown(value: object) -> str:
    """A value as an error shows it: as JSON, and not too long."""
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else shown(value)


def plain(value: Any) -> Any:
    """A value as a config file has it: whole numbers without a decimal point."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
