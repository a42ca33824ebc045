"""Wheels of what is installed here, for tests that install it elsewhere without a network."""

from __future__ import annotations

import re
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

LEFT_OUT = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}
"""Files of an installed package that tell of its installation, and are in no wheel."""


def make(folder: Path, *requirements: str) -> None:
    """Puts a wheel of each package, and of all that it needs, into a folder.

    Args:
        folder: The folder; pip's ``--find-links`` can name it.
        requirements: What is asked for, such as ``name[extra]``; it is installed here.
    """
    done: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        wanted = waiting.pop()
        key = (wanted.name.lower(), frozenset(wanted.extras))
        if key in done:
            continue
        done.add(key)
        found = distribution(wanted.name)
        _pack(folder, found)
        for each in map(Requirement, found.requires or ()):
            extras = ["", *wanted.extras]
            if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(each)


def _pack(folder: Path, package: Distribution) -> None:
    files = [file for file in package.files or () if ".." not in file.parts]
    (metadata,) = {file.parts[0] for file in files if file.parts[0].endswith(".dist-info")}
    kind = package.read_text("WHEEL")
    assert kind is not None, metadata
    tags = re.findall(r"(?m)^Tag: (\S+)-(\S+)-(\S+)$", kind)
    # Those of one part are joined by dots: py2.py3-none-any.
    tag = "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))
    path = folder / f"{metadata.removesuffix('.dist-info')}-{tag}.whl"
    if path.exists():
        return
    kept = [f for f in files if f.suffix != ".pyc" and f.name not in LEFT_OUT]
    with zipfile.ZipFile(path, "w") as wheel:
        for file in kept:
            wheel.write(str(file.locate()), str(file))
        record = "".join(f"{file},,\n" for file in kept)
        wheel.writestr(f"{metadata}/RECORD", f"{record}{metadata}/RECORD,,\n")
