#!/bin/sh
# The named host packages: installed where we are root on Debian; else it says which are missing, and that is no error.
set -eu
missing=""
for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, and only root can:$missing  (apt-get install$missing); what needs them will not run"
    exit 0
fi
echo "installing host packages:$missing"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ ! -e /usr/sbin/policy-rc.d ]; then # none of the packages' services is to start here
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -rf "$scratch" /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >"$scratch/log" 2>&1 || { tail -20 "$scratch/log"; exit 1; }
