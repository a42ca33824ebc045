"""Packs the installed package as a wheel, which other machines can install."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final

LEFT_OUT: Final = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
"""Files of an installed package that describe its installation, and are in no wheel."""

EDITABLE: Final = "__editable__"
"""With this begin the files by which an editable installation points to its checkout."""

CHECKOUT: Final = Path(__file__).parents[2]
"""The checkout that an editable installation takes its code from."""

CODE: Final = ("actionhero_tcp/**/*", "twisted/plugins/actionhero_*.py")
"""The patterns of the files that a wheel takes from there."""


def pack(package: Distribution, folder: Path) -> None:
    """Put a wheel of an installed package into a folder.

    Args:
        package: The package. Where it is installed editable, the wheel has the code of the
            checkout as it is now.
        folder: The folder, which is made.

    Raises:
        OSError: It cannot be written.
    """
    files = dict(_installed(package))
    if not any(name.endswith("/__init__.py") for name in files):
        files = dict(_checked_out()) | files
    metadata = next(root for name in files if (root := name.split("/")[0]).endswith(".dist-info"))
    tags = re.findall(r"(?m)^Tag: (\S+)$", package.read_text("WHEEL") or "")
    path = folder / f"{metadata.removesuffix('.dist-info')}-{tags[0]}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, source in files.items():
            wheel.write(source, name)
        record = "".join(f"{name},,\n" for name in files)
        wheel.writestr(f"{metadata}/RECORD", f"{record}{metadata}/RECORD,,\n")


def _installed(package: Distribution) -> Iterator[tuple[str, Path]]:
    """The files of the installation that are in a wheel: their names there, and where they lie."""
    for file in package.files or ():
        is_outside = ".." in file.parts or file.name.startswith(EDITABLE)
        if not is_outside and file.suffix != ".pyc" and file.name not in LEFT_OUT:
            yield str(file), Path(str(file.locate()))


def _checked_out() -> Iterator[tuple[str, Path]]:
    """The files of the checkout that are in a wheel, as `_installed` gives them."""
    for pattern in CODE:
        for path in sorted(CHECKOUT.glob(pattern)):
            if path.is_file() and path.suffix != ".pyc":
                yield str(path.relative_to(CHECKOUT)), path
