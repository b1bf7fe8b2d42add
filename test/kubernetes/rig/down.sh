#!/usr/bin/env bash
# Stops what up.sh started, pods included, and deletes its state. What build.sh made stays. It also clears away what was
# left by one that ended out of order, as by a reboot.
source "$(dirname "$0")/settings.sh"
require_root

# What is left of it and in no list: the runtime keeps a process for each pod, which outlives it; and a rig whose list of
# processes was deleted still holds their ports. All were given files of ours, and are programs of the rig or the runtime's.
kill_left() {
  local process program
  for process in /proc/[0-9]*; do
    program=$(readlink "$process/exe") || continue
    case $program in
      "$BIN"/* | */containerd | */containerd-shim*) ;;
      *) continue ;;
    esac
    if tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -qF -- "$DIR/"; then
      kill -9 "${process#/proc/}" 2>/dev/null || true
    fi
  done
}

end "${HOSTS[@]/#/kubelet-}" kube-proxy kube-scheduler kube-controller-manager storage coredns kube-apiserver etcd
for host in "${HOSTS[@]}"; do kill_pods "$host"; done
end "${HOSTS[@]/#/containerd-}"
kill_left
awk -v dir="$DIR/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
for host in "${HOSTS[@]}"; do find /sys/fs/cgroup/*/"$host" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
# The pods' network namespaces are those on our bridge; their names are the network plugin's.
ip netns list | awk '/^cni-/ {print $1}' | xargs -r -n 1 -P 8 ip netns del
ip link del $BRIDGE 2>/dev/null || true
iptables-save | grep -v -E 'KUBE-|CNI-' | iptables-restore
rm -rf "${DIR:?}"/{etcd,hosts,addresses,cni,conf,log,pid,pki,volumes}
