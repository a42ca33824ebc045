"""Prints what developing needs, a requirement a line, as setup.cfg names it."""

from configparser import ConfigParser
from pathlib import Path


def requirements(extra: str) -> list[str]:
    """The requirements of an extra."""
    setup = ConfigParser()
    setup.read(Path(__file__).parent.parent / "setup.cfg")
    return setup["options.extras_require"][extra].strip().splitlines()


def main() -> None:
    """Prints the extras ``dev`` and ``docs``."""
    print("\n".join(requirements("dev") + requirements("docs")))


if __name__ == "__main__":
    main()
