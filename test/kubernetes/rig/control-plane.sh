# shellcheck shell=bash
# Certificates, etcd, API server, controllers, scheduler; then what a cluster offers its pods: DNS, services, volumes.
# Sourced by up.sh.

# certificate NAME SUBJECT [ALTERNATIVE-NAMES]
certificate() {
  [ -f "$DIR/pki/$1.crt" ] && return
  openssl req -newkey rsa:2048 -nodes -keyout "$DIR/pki/$1.key" -subj "$2" -out "$DIR/pki/$1.csr" 2>/dev/null
  openssl x509 -req -in "$DIR/pki/$1.csr" -CA "$DIR/pki/ca.crt" -CAkey "$DIR/pki/ca.key" -CAcreateserial -days 3650 \
    -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s' "${3:+subjectAltName=$3}") \
    -out "$DIR/pki/$1.crt" 2>/dev/null
}

# kubeconfig NAME: how the owner of that certificate reaches the API server.
kubeconfig() {
  cat >"$DIR/conf/$1.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: rig, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $DIR/pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $DIR/pki/$1.crt, client-key: $DIR/pki/$1.key}}]
contexts: [{name: rig, context: {cluster: rig, user: $1}}]
current-context: rig
END
}

make_authority() {
  [ -f "$DIR/pki/ca.crt" ] && return
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/pki/ca.key" -subj /CN=rig -days 3650 -out "$DIR/pki/ca.crt" 2>/dev/null
  openssl genrsa -out "$DIR/pki/accounts.key" 2048 2>/dev/null
}

# One bridge carries every pod and the addresses of the hosts. Its hardware address is given: of itself a bridge takes the
# lowest of its ports', so it changes as pods come and go, and the others lose DNS and services until they ask anew, for
# up to a minute. The network plugin gives it one only where it sets the bridge's address itself.
make_network() {
  if ! ip link show $BRIDGE >/dev/null 2>&1; then
    ip link add $BRIDGE address 0a:58:0a:f4:00:01 type bridge
    ip link set $BRIDGE up
    ip addr add 10.244.0.1/16 dev $BRIDGE
  fi
  local number
  for number in "${!HOSTS[@]}"; do ip addr add "$HOST_NETWORK.$((number + 1))/32" dev $BRIDGE 2>/dev/null || true; done
  sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
  cat >"$DIR/cni/10-bridge.conflist" <<END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "ipMasq": true, "hairpinMode": true, "ipam": {
    "type": "host-local", "dataDir": "$DIR/addresses", "routes": [{"dst": "0.0.0.0/0"}],
    "ranges": [[{"subnet": "$POD_NETWORK", "rangeStart": "10.244.1.1", "rangeEnd": "10.244.200.254", "gateway": "10.244.0.1"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
}

start_control_plane() {
  local pki=$DIR/pki etcd=http://127.0.0.1:$ETCD_PORT peers=http://127.0.0.1:$((ETCD_PORT + 1))
  make_authority
  certificate apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:$HOST_NETWORK.1,IP:10.96.0.1"
  certificate admin /O=system:masters/CN=admin
  kubeconfig admin
  # Nothing in it survives the rig, so it need not wait for the disk.
  start etcd etcd --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
    --listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers"
  start kube-apiserver kube kube-apiserver --etcd-servers="$etcd" --secure-port=6443 \
    --advertise-address=$HOST_NETWORK.1 --service-cluster-ip-range=$SERVICE_NETWORK \
    --authorization-mode=Node,RBAC --allow-privileged=true \
    --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
    --service-account-key-file="$pki/accounts.key" --service-account-signing-key-file="$pki/accounts.key" \
    --service-account-issuer=https://kubernetes.default.svc \
    --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP
  wait_until 90 "the API server" kubectl get --raw /readyz
  # A host counts as lost after 20 seconds, half of the default: tests wait for it.
  start kube-controller-manager kube kube-controller-manager --kubeconfig="$KUBECONFIG" --root-ca-file="$pki/ca.crt" \
    --service-account-private-key-file="$pki/accounts.key" --use-service-account-credentials=true \
    --leader-elect=false --node-monitor-grace-period=20s
  start kube-scheduler kube kube-scheduler --kubeconfig="$KUBECONFIG" --leader-elect=false
}

start_cluster_services() {
  start storage kube storage --kubeconfig="$KUBECONFIG" --root="$DIR/volumes"
  kubectl apply --server-side -f - >/dev/null <<END
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: local/directory
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
END
  cat >"$DIR/conf/Corefile" <<END
.:53 {
  bind $HOST_NETWORK.1
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $KUBECONFIG rig
    pods insecure
    ttl 1
  }
}
END
  start coredns coredns -conf "$DIR/conf/Corefile"
  start kube-proxy kube kube-proxy --kubeconfig="$KUBECONFIG" --hostname-override="${HOSTS[0]}" --proxy-mode=iptables \
    --cluster-cidr=$POD_NETWORK --conntrack-max-per-core=0
}
