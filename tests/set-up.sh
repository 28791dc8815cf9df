#!/bin/sh
# make install: the virtual environment and, as root on Debian, the named host packages. Needs PYTHON and VENV.
set -eu
missing=""
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if ! "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null; then missing="$missing python3-venv"; fi
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing host packages:$missing"
        printf '#!/bin/sh\nexit 101\n' > /tmp/opsguide-policy-rc.d && chmod 755 /tmp/opsguide-policy-rc.d
        [ -e /usr/sbin/policy-rc.d ] || { cp /tmp/opsguide-policy-rc.d /usr/sbin/policy-rc.d; ours=yes; }
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq || true
        # shellcheck disable=SC2086
        apt-get install -y -qq --no-install-recommends $missing >/tmp/opsguide-apt.log 2>&1 || {
            tail -20 /tmp/opsguide-apt.log; exit 1; }
        [ "${ours:-}" != yes ] || rm -f /usr/sbin/policy-rc.d
    else
        echo "not installed, and only root can:$missing  (apt-get install$missing); the lab will not run without them"
    fi
fi
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "opsguide needs Python 3.11 or newer: make PYTHON=python3.11 …"; exit 2; }
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
echo "installing locked Python packages into $VENV (1 to 3 minutes)"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . 2>/dev/null ||
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps -e .
