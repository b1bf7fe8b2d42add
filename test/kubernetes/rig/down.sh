#!/usr/bin/env bash
# Stops what up.sh started, pods included, and deletes its state. What build.sh made stays. It also clears away what was
# left by one that ended out of order, as by a reboot.
source "$(dirname "$0")/settings.sh"
require_root

# The runtime keeps a process for each pod, which outlives it: they are those that were given a socket of ours.
kill_shims() {
  local line
  for line in /proc/[0-9]*/cmdline; do
    if tr '\0' ' ' 2>/dev/null <"$line" | grep -q -- "containerd-shim.*-address $DIR/hosts/"; then
      kill -9 "$(basename "$(dirname "$line")")" 2>/dev/null || true
    fi
  done
}

stop "${HOSTS[@]/#/kubelet-}" kube-proxy kube-scheduler kube-controller-manager storage coredns kube-apiserver etcd
for host in "${HOSTS[@]}"; do kill_pods "$host"; done
stop "${HOSTS[@]/#/containerd-}"
kill_shims
awk -v dir="$DIR/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
for host in "${HOSTS[@]}"; do find /sys/fs/cgroup/*/"$host" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
# The pods' network namespaces are those on our bridge; their names are the network plugin's.
ip netns list | awk '/^cni-/ {print $1}' | xargs -r -n 1 ip netns del
ip link del $BRIDGE 2>/dev/null || true
iptables-save | grep -v -E 'KUBE-|CNI-' | iptables-restore
rm -rf "${DIR:?}"/{etcd,hosts,addresses,cni,conf,log,pid,pki,volumes}
