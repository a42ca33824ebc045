"""The whole configuration: lists the fields of all sections, and builds it of layers of values."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

from .field import HIDDEN, FieldInfo, plain
from .sections import Config


def _camel(name: str) -> str:
    return re.sub(r"_(.)", lambda match: match[1].upper(), name)


def fields() -> Iterator[FieldInfo]:
    """Every field of the configuration, in order."""
    for section in dataclasses.fields(Config):
        section_class = _section_class(section.name)
        hints = get_type_hints(section_class)
        for item in dataclasses.fields(section_class):
            facts = item.metadata
            yield FieldInfo(
                section=section.name,
                name=item.name,
                section_key=_camel(section.name),
                key=facts["key"] or _camel(item.name),
                option=facts["option"] or item.name.replace("_", "-"),
                type=_type(hints[item.name], item.default),
                default=item.default,
                help=facts["help"],
                minimum=facts["minimum"],
                maximum=facts["maximum"],
                path=facts["path"],
                live=facts["live"],
                choices=facts["choices"],
                only=facts["only"],
                secret=facts["secret"],
                form=facts["form"],
            )


def _type(hint: Any, default: object) -> type:
    """The type of a field; of one that has several, such as a flag, that of its default."""
    known: type = type(default) if get_args(hint) else hint
    return known


def _section_class(name: str) -> Any:
    return get_type_hints(Config)[name]


def as_json(config: Config) -> str:
    """The configuration as a config file of it would be written, without its secrets."""
    sections: dict[str, dict[str, Any]] = {}
    for info in fields():
        value = getattr(getattr(config, info.section), info.name)
        if info.secret and value:
            value = HIDDEN
        sections.setdefault(info.section_key, {})[info.key] = plain(value)
    return json.dumps(sections, indent=2, ensure_ascii=False)


def values(config: Config) -> dict[tuple[str, str], Any]:
    """The values of a configuration by section and field, as `build` takes them."""
    return {
        (info.section, info.name): getattr(getattr(config, info.section), info.name)
        for info in fields()
    }


def build(*layers: Mapping[tuple[str, str], Any]) -> Config:
    """The configuration made of the defaults and of layers of values, the last one winning."""
    merged: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for (section, name), value in layer.items():
            merged.setdefault(section, {})[name] = value
    sections = {name: _section_class(name)(**values) for name, values in merged.items()}
    return Config(**sections)
