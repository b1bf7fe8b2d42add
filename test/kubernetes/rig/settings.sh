# shellcheck shell=bash
# What the scripts of the rig share: where things are, what the hosts are called, how a program is started and ended.
# Sourced, never run.
set -euo pipefail

RIG=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(cd "$RIG/../../.." && pwd)
# Programs and state. Short, because sockets in it have names of at most 107 bytes.
DIR=${DYNAMO_KUBERNETES_DIR:-/tmp/dynamokv-kubernetes}
BIN=$DIR/bin
HOSTS=(host-a host-b host-c) # in zone-a, zone-b and zone-c
HOST_NETWORK=10.244.255      # the hosts' own addresses: .1, .2, .3
POD_NETWORK=10.244.0.0/16
SERVICE_NETWORK=10.96.0.0/16
BRIDGE=kube0
ETCD_PORT=12379

export KUBECONFIG=$DIR/conf/admin.kubeconfig PATH=$BIN:$PATH
# For buildah, which builds images without a daemon.
export STORAGE_DRIVER=overlay BUILDAH_ISOLATION=chroot

say() { printf 'kubernetes: %s\n' "$*" >&2; }
fail() { say "$@" && exit 1; }

require_root() { [ "$(id -u)" = 0 ] || fail "this needs root: it makes network bridges and runs containers"; }

# start NAME COMMAND…: in the background, unless it runs already.
start() {
  local name=$1
  shift
  if runs "$name"; then return; fi
  setsid nohup "$@" >>"$DIR/log/$name.log" 2>&1 </dev/null &
  echo "$! $(born $!)" >"$DIR/pid/$name"
}

# When a process started, in ticks since the machine did: after a reboot its number may be somebody else's.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# pid_of NAME: prints the number of its process; fails where it does not run.
pid_of() {
  local pid since
  read -r pid since 2>/dev/null <"$DIR/pid/$1" && [ "$(born "$pid")" = "$since" ] && echo "$pid"
}

runs() { pid_of "$1" >/dev/null; }

# end NAME…: at once, as by a power cut; what it kept is deleted, or is to survive just that. Waits for up to five seconds until all are gone.
end() {
  local name
  for name in "$@"; do if runs "$name"; then kill -9 "$(pid_of "$name")"; fi; done
  for name in "$@"; do
    for _ in $(seq 100); do
      runs "$name" || break
      sleep 0.05
    done
    rm -f "$DIR/pid/$name"
  done
}

# wait_until SECONDS WHAT COMMAND…
wait_until() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || fail "$what did not come up; see $DIR/log"
    sleep 0.2
  done
}

socket_of() { echo "$DIR/hosts/$1/containerd.sock"; }

# on_host HOST ARGUMENT…: speaks to the host's containerd.
on_host() {
  local host=$1
  shift
  ctr --address "$(socket_of "$host")" --namespace k8s.io "$@"
}

# kill_pods HOST: every process of its pods.
kill_pods() {
  find "/sys/fs/cgroup/pids/$1" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -9 2>/dev/null || true
}
