"""Prints what developing needs, a requirement a line, as setup.cfg names it."""

from configparser import ConfigParser
from pathlib import Path


def main() -> None:
    """Prints the extra ``dev``."""
    setup = ConfigParser()
    setup.read(Path(__file__).parent.parent / "setup.cfg")
    print(setup["options.extras_require"]["dev"].strip())


if __name__ == "__main__":
    main()
