#!/usr/bin/env bash
# fault.sh kill HOST: it dies as by a power cut: kubelet, containerd and every process of its pods; their volumes stay.
# fault.sh kill api-server: nothing can be asked of Kubernetes any more; pods run on.
# fault.sh kill-container HOST POD-UID: kill -9 of the first process of that pod's container, as soon as it has one.
# fault.sh start HOST|api-server: it comes back.
source "$(dirname "$0")/settings.sh"

kill_host() {
  end "kubelet-$1" "containerd-$1"
  kill_pods "$1"
}

# The runtime is asked, not Kubernetes, which knows of a new container a second later.
kill_container() {
  local id in_pod="labels.\"io.kubernetes.pod.uid\"==$2,labels.\"io.cri-containerd.kind\"==container"
  for id in $(on_host "$1" containers ls --quiet "$in_pod"); do
    if on_host "$1" tasks kill --signal SIGKILL "$id" 2>/dev/null; then return; fi
  done
  return 1
}

what=${2:-}
if [ "$what" != api-server ] && { [ -z "$what" ] || [ ! -d "$DIR/hosts/$what" ]; }; then
  fail "there is no '$what'; there are api-server ${HOSTS[*]}"
fi
case ${1:-} in
  kill) if [ "$what" = api-server ]; then end kube-apiserver; else kill_host "$what"; fi ;;
  kill-container) wait_until 20 "a container of pod ${3:?UID of a pod}" kill_container "$what" "$3" ;;
  start) "$RIG/up.sh" ;;
  *) fail "usage: fault.sh kill|start HOST|api-server, fault.sh kill-container HOST POD-UID" ;;
esac
