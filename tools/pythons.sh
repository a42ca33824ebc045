#!/bin/sh
# Runs the unit tests on every Python from 3.11 on that is found, pyenv's included, each in an
# environment of its own.
# Usage: pythons.sh MAKE
set -u
make=${1:-make}
tried=""
failed=""

for minor in 11 12 13 14 15; do
    name=python3.$minor
    for path in "$(command -v $name)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.$minor.*/bin/$name; do
        "$path" -c 'import ensurepip' 2>/dev/null || continue
        echo "== $("$path" --version), $path"
        tried="$tried 3.$minor"
        "$make" --no-print-directory unit VENV=.venv-3.$minor PYTHON="$path" ||
            failed="$failed 3.$minor"
        break
    done
done
echo "tried:${tried:- none}; failed:${failed:- none}"
[ -n "$tried" ] && [ -z "$failed" ]
