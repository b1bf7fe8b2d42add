#!/usr/bin/env bash
# From nothing to a DynamoCluster that serves, on a throwaway Kubernetes on this machine; left running, with the commands
# to try next. down.sh removes it.
source "$(dirname "$0")/settings.sh"
"$RIG/build.sh"
"$RIG/up.sh"
"$RIG/image.sh" dynamokv:demo
say "installing the operator"
helm upgrade --install dynamokv "$PROJECT/charts/dynamokv" --namespace dynamokv --create-namespace \
  --set image.repository=localhost/dynamokv --set-string image.tag=demo --wait --timeout 120s >/dev/null
say "making a cluster"
kubectl apply --namespace dynamokv -f "$PROJECT/examples/cluster.yaml" >/dev/null
kubectl --namespace dynamokv wait dyn/demo --for=condition=Ready --timeout=180s >/dev/null
kubectl --namespace dynamokv get dyn
cat <<END

Try:
  export KUBECONFIG=$KUBECONFIG PATH=$BIN:\$PATH
  kubectl -n dynamokv exec demo-0 -- dynamokv put greetings first hello
  kubectl -n dynamokv exec demo-1 -- dynamokv get greetings first
  kubectl -n dynamokv scale dyn demo --replicas=5 && kubectl -n dynamokv get dyn --watch
  kubectl -n dynamokv delete pod demo-2 && kubectl -n dynamokv get dyn --watch
  $RIG/fault.sh kill host-b   # a host dies; fault.sh start host-b brings it back

make demo-down removes all of it.
END
