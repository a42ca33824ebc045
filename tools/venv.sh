#!/bin/sh
# Makes a virtual environment. A bare Debian lacks what that takes; root can install it.
# Usage: venv.sh PYTHON FOLDER
set -eu
python=$1
folder=$2

command -v "$python" >/dev/null || python=python3
if "$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec "$python" -m venv "$folder"
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian's python3-venv" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >&2
    exec python3 -m venv "$folder"
fi
echo "Python 3.11 or newer with venv is needed; on Debian: apt-get install python3-venv" >&2
exit 1
