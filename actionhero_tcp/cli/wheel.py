"""Packs the installed package as a wheel, which other machines can install."""

from __future__ import annotations

import re
import zipfile
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final

LEFT_OUT: Final = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
"""Files of an installed package that describe its installation, and are in no wheel."""


def pack(package: Distribution, folder: Path) -> bool:
    """Put a wheel of an installed package into a folder.

    Args:
        package: The package.
        folder: The folder, which is made.

    Returns:
        Whether there is one. An editable installation has no files to pack.

    Raises:
        OSError: It cannot be written.
    """
    files = [file for file in package.files or () if ".." not in file.parts]
    kept = [file for file in files if file.suffix != ".pyc" and file.name not in LEFT_OUT]
    if not any(file.name == "__init__.py" for file in kept):
        return False
    metadata = next(f.parts[0] for f in kept if f.parts[0].endswith(".dist-info"))
    tags = re.findall(r"(?m)^Tag: (\S+)$", package.read_text("WHEEL") or "")
    path = folder / f"{metadata.removesuffix('.dist-info')}-{tags[0]}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in kept:
            wheel.write(str(file.locate()), str(file))
        record = "".join(f"{file},,\n" for file in kept)
        wheel.writestr(f"{metadata}/RECORD", f"{record}{metadata}/RECORD,,\n")
    return True
