#!/usr/bin/env bash
# fault.sh kill HOST: it dies as by a power cut: kubelet, containerd and every process of its pods; their volumes stay.
# fault.sh kill api-server: nothing can be asked of Kubernetes any more; pods run on.
# fault.sh kill-container HOST ID: kill -9 of its first process.
# fault.sh start HOST|api-server: it comes back.
source "$(dirname "$0")/settings.sh"

kill_program() {
  if runs "$1"; then kill -9 "$(pid_of "$1")"; fi
  rm -f "$DIR/pid/$1"
}

kill_host() {
  kill_program "kubelet-$1"
  kill_program "containerd-$1"
  kill_pods "$1"
}

what=${2:-}
if [ "$what" != api-server ] && { [ -z "$what" ] || [ ! -d "$DIR/hosts/$what" ]; }; then
  fail "there is no '$what'; there are api-server ${HOSTS[*]}"
fi
case ${1:-} in
  kill) if [ "$what" = api-server ]; then kill_program kube-apiserver; else kill_host "$what"; fi ;;
  kill-container) on_host "$what" tasks kill --signal SIGKILL "${3:?ID of a container}" ;;
  start) "$RIG/up.sh" ;;
  *) fail "usage: fault.sh kill|start HOST|api-server, fault.sh kill-container HOST ID" ;;
esac
