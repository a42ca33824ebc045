#!/bin/sh
# Makes a virtual environment of the Python asked for; keeps one that is of that Python already.
# Usage: venv.sh FOLDER [PYTHON]
# PYTHON is a command or path. Without one, an existing environment is kept, and a new one takes
# the first of python3.11, python3.12, python3.13 and python3 that is new enough.
set -eu
folder=$1
asked=${2:-}

describe='import sys; print(sys.version.split()[0], sys.base_prefix)'
suitable='import ensurepip, sys; sys.exit(sys.version_info < (3, 11))'

# Prints the path of a Python that runs; pyenv's, too, where its shim is not switched on.
find_python() {
    if "$1" -c pass 2>/dev/null; then
        command -v "$1"
        return
    fi
    for path in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/"$1"; do
        if "$path" -c pass 2>/dev/null; then
            echo "$path"
            return
        fi
    done
    return 1
}

fail() {
    echo "$1" >&2
    exit 1
}

make_venv() {
    if [ -e "$folder" ]; then
        echo "making $folder again, for $("$1" -c "$describe")" >&2
        rm -rf "$folder"
    fi
    "$1" -m venv "$folder"
    touch "$folder/.made"
}

works() {
    "$folder/bin/python" -c pass 2>/dev/null && [ -e "$folder/.made" ]
}

if [ -z "$asked" ]; then
    works && exit
    for name in python3.11 python3.12 python3.13 python3; do
        if python=$(find_python "$name") && "$python" -c "$suitable" 2>/dev/null; then
            make_venv "$python"
            exit
        fi
    done
else
    python=$(find_python "$asked") || fail "PYTHON=$asked does not run"
    version=$("$python" -c "$describe")
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed; PYTHON=$asked is ${version%% *}"
    works && [ "$("$folder/bin/python" -c "$describe")" = "$version" ] && exit
    if "$python" -c "$suitable" 2>/dev/null; then
        make_venv "$python"
        exit
    fi
fi
# Debian keeps ensurepip, and so pip, in a package of its own.
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian's python3-venv" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >&2
    python=$(find_python "${asked:-python3}")
    "$python" -c "$suitable" 2>/dev/null && make_venv "$python" && exit
fi
fail "Python 3.11 or newer with venv is needed; on Debian: sudo apt-get install python3-venv"
