#!/bin/sh
# make install: the virtual environment and, as root on Debian, the named host packages. Needs PYTHON and VENV.
set -eu
"$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || set -- "$@" python3-venv
sh tests/packages.sh "$@"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "opsguide needs Python 3.11 or newer: make PYTHON=python3.11 …"; exit 2; }
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
echo "installing locked Python packages into $VENV (1 to 3 minutes)"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . 2>/dev/null ||
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps -e .
