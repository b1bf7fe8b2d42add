#!/usr/bin/env bash
# with-cluster.sh COMMAND…: runs the command against a Kubernetes, and ends as it ends. With KUBECONFIG set that cluster
# is used, and DYNAMO_TEST_IMAGE and DYNAMO_TEST_IMAGE_NEXT name two images that its hosts can run (they may be the same
# but for the name); else a throwaway one is made and removed afterwards, unless it was up before.
#
# The command finds: KUBECONFIG; kubectl, helm and skaffold in its PATH; the two images; DYNAMO_TEST_FAULT, a program that kills and
# starts hosts and API server, where they are ours.
if [ -n "${KUBECONFIG:-}" ]; then
  : "${DYNAMO_TEST_IMAGE:?names an image that the hosts of this cluster can run}"
  : "${DYNAMO_TEST_IMAGE_NEXT:?names another image that the hosts of this cluster can run}"
  exec "$@"
fi
source "$(dirname "$0")/settings.sh"
"$RIG/build.sh" --skaffold
was_up=0
if runs kube-apiserver; then was_up=1; fi
remove() { [ $was_up = 1 ] || "$RIG/down.sh"; }
# What one left that was not stopped in order, as by a reboot, is no new cluster.
remove
trap remove EXIT
trap 'exit 130' INT TERM
"$RIG/up.sh"
"$RIG/image.sh" dynamokv:test next
export DYNAMO_TEST_IMAGE=localhost/dynamokv:test DYNAMO_TEST_IMAGE_NEXT=localhost/dynamokv:next
export DYNAMO_TEST_FAULT=$RIG/fault.sh
"$@"
