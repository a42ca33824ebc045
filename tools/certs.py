"""Makes a self-signed key and certificate, for trying TLS out. Usage: certs.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from actionhero_tcp.testing.certificates import make

__all__ = ["make"]

if __name__ == "__main__":
    for path in make(Path(sys.argv[1])):
        print(path)
