#!/usr/bin/env bash
# Stops what up.sh started, pods included, and deletes its state. What build.sh made stays.
source "$(dirname "$0")/settings.sh"
require_root

for host in "${HOSTS[@]}"; do stop "kubelet-$host"; done
for program in kube-proxy kube-scheduler kube-controller-manager storage coredns kube-apiserver etcd; do stop $program; done
for host in "${HOSTS[@]}"; do
  if runs "containerd-$host"; then
    on_host "$host" tasks ls -q 2>/dev/null | xargs -r -n 1 ctr -a "$(socket_of "$host")" -n k8s.io tasks rm -f >/dev/null 2>&1 || true
    on_host "$host" containers ls -q 2>/dev/null | xargs -r -n 1 ctr -a "$(socket_of "$host")" -n k8s.io containers rm >/dev/null 2>&1 || true
  fi
  stop "containerd-$host"
done
awk -v dir="$DIR/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
# The pods' network namespaces are those on our bridge; their names are the network plugin's.
ip netns list | awk '/^cni-/ {print $1}' | xargs -r -n 1 ip netns del
ip link del $BRIDGE 2>/dev/null || true
iptables-save | grep -v -E 'KUBE-|CNI-' | iptables-restore
rm -rf "${DIR:?}"/{etcd,hosts,addresses,cni,conf,log,pid,pki,volumes}
