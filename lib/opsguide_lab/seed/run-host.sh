#!/bin/bash
# run-host.sh NAME FOLDER BASE LAYERS SIZE [CGROUP]: PID 1 of a host's outer namespaces.
# Everything that it mounts lives in its own mount namespace: when it is killed, the whole host is gone without a trace.
# The host may do what it wants to itself, its network included, and nothing to the machine: no clock, no modules, no device
# nodes (systemd-nspawn's own set of capabilities, without CAP_MKNOD).
# CGROUP is the leaf for the host itself on cgroup v2, empty on v1.
set -eu
name=$1 folder=$2 base=$3 layers=$4 size=$5 leaf=${6:-}
cd "$folder"
ip link set lo up
if [ -e address ]; then ip address add "$(cat address)" dev lo; fi # a host that joins shows the address that it joins with
mount -t tmpfs -o "size=$size,mode=755" "lab-$name" disk
mkdir disk/upper disk/work disk/vz
cp -a vz/. disk/vz/
mount -t overlay "lab-$name" -o "lowerdir=$folder/layer:$layers/host:$base,upperdir=disk/upper,workdir=disk/work" root
mount -t tmpfs -o mode=755 tmpfs /run # systemd-nspawn wants a /run that it can write, the machine's stays untouched

# the device that containers are routed to, without what an earlier boot has left on it
routed() {
    ip link del venet0 2> /dev/null || true
    ip link add venet0 type bridge && ip link set venet0 up || true
}

boot() {
    [ -z "$leaf" ] || echo "$BASHPID" > "$leaf/cgroup.procs"
    exec systemd-nspawn --quiet --keep-unit --register=no --machine="$name" -D root --boot \
        --network-namespace-path=/proc/self/ns/net --console=pipe --link-journal=no --resolv-conf=off --timezone=off \
        --capability=CAP_NET_ADMIN --drop-capability=CAP_MKNOD --uuid="$(cat layer/etc/machine-id)" \
        --bind="$folder/disk/vz:/vz" --bind-ro="$base:/vz/template/debian-12" --bind-ro="$layers:/vz/template/layers" \
        --bind="$folder/sshd.log:/var/log/sshd.log"
}
while :; do
    code=0
    routed
    (boot) || code=$?
    # 133: the host asked for a reboot; anything else: it was switched off
    [ "$code" = 133 ] || exit "$code"
done
