#!/bin/bash
# join-host.sh: what the lab's platform serves to a host that joins. A stand-in for the vendor's installer, not the real one.
# Words: --force true --install_vz false --ip ADDRESS --externalip ADDRESS --password WORD [--status STATUS]
# Exit codes: 0 joined, 2 wrong words, 3 the platform does not let it in, 4 a unit does not come up, 5 broken half-way.
set -u
platform=@ADDRESS@/join/@KEY@ log=/var/log/install.log role=/etc/opsguide/role

trap '' PIPE # a link that is cut does not stop the set-up
tell() {
    echo "$*" >> "$log"
    echo "$*" 2> /dev/null || true
}
fail() {
    tell "Attempt 1 failed: $2" >&2
    exit "$1"
}

set_up() {
    mkdir -p /etc/opsguide
    echo "$1" > "$role"
    tell "role: $1"
}

units() {
    systemctl enable --now vz prl-disp zabbix-agent >> "$log" 2>&1 || return 4
    for unit in vz prl-disp zabbix-agent; do
        systemctl is-active --quiet "$unit" || return 4
    done
    tell "units are active"
}

if [ "${1:-}" = --lab-set-up ]; then
    set_up "$2"
    units || fail 4 "a unit does not come up"
    exit 0
fi

ip='' externalip='' status='' password=''
while [ $# -gt 1 ]; do
    case $1 in
        --ip) ip=$2 ;; --externalip) externalip=$2 ;; --status) status=$2 ;; --password) password=$2 ;;
        --force | --install_vz) ;;
        *) fail 2 "unknown word $1" ;;
    esac
    shift 2
done
[ -n "$ip" ] && [ -n "$externalip" ] && [ ${#password} -ge 15 ] || fail 2 "ip, externalip and password are needed"
tell "joining $(hostname) as $ip / $externalip"
kind=$(curl -fsS -d "hostname=$(hostname).lab.example" -d "ip=$ip" -d "externalip=$externalip" -d "status=$status" "$platform/begin") \
    || fail 3 "the platform does not let this host in"
set_up "$kind"
curl -fsS -o /dev/null -X POST "$platform/half" || fail 5 "the set-up broke half-way"
units || fail 4 "a unit does not come up"
curl -fsS -o /dev/null -X POST "$platform/end" || fail 5 "the platform did not take the end of the set-up"
tell "joined"
