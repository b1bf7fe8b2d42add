#!/usr/bin/env bash
# Starts a throwaway Kubernetes on this machine, or what is missing of it: etcd, API server, controllers, scheduler,
# DNS, services, volumes, and for each of three hosts a kubelet with a containerd of its own. Pods are real containers;
# the hosts share one kernel. Ten seconds. Needs root and what build.sh made.
source "$(dirname "$0")/settings.sh"
source "$RIG/control-plane.sh"
source "$RIG/hosts.sh"
require_root
[ -x "$BIN/kube" ] && [ -f "$DIR/pause.tar" ] || fail "run $RIG/build.sh first"

mkdir -p "$DIR"/{cni,conf,etcd,hosts,log,pid,pki,volumes}
make_network
start_control_plane
start_cluster_services
number=0
for host in "${HOSTS[@]}"; do start_host "$host" "$((number += 1))"; done
# A kubelet that missed the API server for a while looks again after up to a minute.
for host in "${HOSTS[@]}"; do wait_until 120 "the kubelet of $host" is_host_ready "$host"; done
