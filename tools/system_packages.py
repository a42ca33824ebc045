"""The programs that tests and benchmarks start, from Debian's packages where they are missing.

A missing program is unpacked below the virtual environment, with the libraries that the machine
lacks. That needs no root, starts no service and changes nothing else on the machine.

Usage: python -m tools.system_packages PROGRAM…
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from .locking import locked

PACKAGES: Final = {
    "chromedriver": ("chromium-driver",),
    "chromium": ("chromium", "fonts-dejavu-core"),
    "gcc": ("gcc", "libc6-dev", "libssl3"),
    "haproxy": ("haproxy",),
    "ip": ("iproute2",),
    "logrotate": ("logrotate",),
    "nats-server": ("nats-server",),
    "nc": ("netcat-openbsd",),
    "nft": ("nftables",),
    "openssl": ("openssl",),
    "promtool": ("prometheus",),
    "redis-cli": ("redis-tools",),
    "redis-server": ("redis-server",),
    "systemd-analyze": ("systemd",),
    "systemd-socket-activate": ("systemd",),
    "tini": ("tini",),
    "tmux": ("tmux",),
}
"""The packages of each program."""

BEHIND_SCRIPTS: Final = {"chromium": "usr/lib/chromium/chromium"}
"""Programs that are shell scripts with fixed paths, and what these start."""

NOT_UNPACKED: Final = ("gcc",)
"""Programs that look for their parts in fixed places, and so do not run unpacked."""

SYSTEM_FOLDERS: Final = ("/usr/sbin", "/sbin")
"""Where programs stand that a user's ``PATH`` may leave out."""

PLACE: Final = Path(sys.prefix) / "debian"
FOLDERS: Final = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")

_WRAPPER: Final = """\
#!/bin/sh
export LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}
export SYSTEMD_UNIT_PATH={units}:
exec {program} "$@"
"""


def need(*programs: str, place: Path = PLACE) -> None:
    """Make sure that this process and its children find some programs.

    Args:
        programs: Their names, from `PACKAGES`.
        place: Where to unpack what is missing.

    Raises:
        SystemExit: Some are missing and cannot be unpacked; the text has the command that
            installs them.
    """
    extend_path(place)
    missing = _missing(programs)
    if not missing:
        return
    fixed = [name for name in missing if name in NOT_UNPACKED]
    if fixed or shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise SystemExit(advice(missing))
    try:
        with locked(place):
            # Another process may have unpacked them meanwhile.
            if left := _missing(missing):
                unpack(left, place)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"{advice(missing)}\n(they could not be unpacked: {error})") from None
    if left := _missing(missing):
        raise SystemExit(advice(left))


def which(program: str) -> str:
    """Return the path of a program that `need` has made sure of."""
    found = shutil.which(program)
    if found is None:
        raise SystemExit(advice([program]))
    return found


def extend_path(place: Path = PLACE) -> None:
    """Append the folders of system programs, and of unpacked ones, to ``PATH``."""
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    more = [*SYSTEM_FOLDERS, str(place / "bin")]
    os.environ["PATH"] = os.pathsep.join([*path, *(each for each in more if each not in path)])


def advice(programs: Iterable[str]) -> str:
    """Say which packages are missing, and how to install them.

    Args:
        programs: The missing programs.
    """
    packages = sorted({package for name in programs for package in PACKAGES[name]})
    return (
        f"these programs are missing: {', '.join(programs)}\n"
        "install them, on Debian or Ubuntu, with:\n\n"
        f"    sudo apt-get install --no-install-recommends {' '.join(packages)}\n"
    )


def unpack(programs: Sequence[str], place: Path = PLACE) -> None:
    """Download the packages of some programs, unpack them, and make a wrapper for each program.

    Args:
        programs: The programs.
        place: The folder for all of it.

    Raises:
        CalledProcessError: apt or dpkg failed; the reason is on standard error.
    """
    packages = sorted({package for name in programs for package in PACKAGES[name]})
    print(f"unpacking {', '.join(packages)} into {place}", file=sys.stderr)
    archives, root, wrappers = place / "archives", place / "root", place / "bin"
    for folder in (place / "lists" / "partial", archives / "partial", root, wrappers):
        folder.mkdir(parents=True, exist_ok=True)
    apt = _Apt(place)
    apt.run("update")
    wanted = apt.missing(packages)
    apt.run("download", *wanted, cwd=archives)
    for archive in archives.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(archive), str(root)], check=True)
    shutil.rmtree(archives)
    shutil.rmtree(place / "lists")
    libraries = os.pathsep.join(_library_folders(root))
    # The units that come with systemd, which those of the project refer to.
    units = os.pathsep.join(str(root / each / "systemd/system") for each in ("usr/lib", "lib"))
    for name in programs:
        found = shutil.which(name, path=os.pathsep.join(str(root / each) for each in FOLDERS))
        if name in BEHIND_SCRIPTS:
            found = str(root / BEHIND_SCRIPTS[name])
        if found is not None:
            wrapper = wrappers / name
            wrapper.write_text(_WRAPPER.format(libraries=libraries, units=units, program=found))
            wrapper.chmod(0o755)


def _missing(programs: Iterable[str]) -> list[str]:
    return [name for name in programs if shutil.which(name) is None]


class _Apt:
    """apt with lists and archives in a folder of the caller's."""

    def __init__(self, place: Path) -> None:
        self._options = [
            *(
                "-o",
                f"Dir::State::Lists={place / 'lists'}",
                "-o",
                f"Dir::Cache={place / 'archives'}",
            ),
            *("-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1", "-qq"),
        ]

    def run(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run apt-get and return what it prints."""
        command = ["apt-get", *self._options, *arguments]
        ended = subprocess.run(command, check=True, cwd=cwd, stdout=subprocess.PIPE, text=True)
        return ended.stdout

    def missing(self, packages: Sequence[str]) -> list[str]:
        """Return what has to be installed for some packages to work here."""
        plan = self.run("--simulate", "--no-install-recommends", "install", *packages)
        wanted = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
        return wanted or list(packages)


def _library_folders(root: Path) -> list[str]:
    """Return the folders with shared libraries, those of single programs last."""
    folders = {str(path.parent) for path in root.rglob("*.so*") if path.is_file()}
    return sorted(folders, key=lambda each: (each.count("/"), each))


if __name__ == "__main__":
    need(*sys.argv[1:])
