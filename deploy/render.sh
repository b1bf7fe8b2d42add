#!/usr/bin/env bash
# Writes deploy/operator.yaml, for those who install without Helm: the chart as `helm template` renders it, and its
# namespace. Needs helm. A test compares the file with the chart.
set -euo pipefail
cd "$(dirname "$0")/.."
# Aside first: what is there must outlive a render that fails.
rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT
{
  echo "# Made of charts/dynamokv by deploy/render.sh; do not edit. kubectl apply --server-side -f deploy/operator.yaml"
  printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: dynamokv\n'
  helm template dynamokv charts/dynamokv --namespace dynamokv --kube-version 1.29 |
    sed -e '/helm.sh\/chart:/d' -e '/^# Source:/d' -e 's/managed-by: Helm/managed-by: kubectl/'
} >"$rendered"
cat "$rendered" >"${1:-deploy/operator.yaml}"
