# shellcheck shell=bash
# A host: a kubelet and a containerd with directories, control groups and an address of their own. Sourced by up.sh.

# start_host HOST NUMBER
start_host() {
  local host=$1 number=$2 at=$DIR/hosts/$1
  mkdir -p "$at"
  certificate "$host" "/O=system:nodes/CN=system:node:$host" "DNS:$host,IP:$HOST_NETWORK.$number"
  kubeconfig "$host"
  containerd_config "$host" >"$at/containerd.toml"
  kubelet_config "$host" "$number" >"$at/kubelet.yaml"
  make_control_groups "$host"
  if ! runs "containerd-$host"; then
    start "containerd-$host" containerd --config "$at/containerd.toml"
    wait_until 30 "containerd of $host" on_host "$host" version
    on_host "$host" images import "$DIR/pause.tar" >/dev/null
  fi
  start "kubelet-$host" kube kubelet --config="$at/kubelet.yaml" --kubeconfig="$DIR/conf/$host.kubeconfig" \
    --root-dir="$at/kubelet" --hostname-override="$host" --node-ip=$HOST_NETWORK."$number" \
    --node-labels="topology.kubernetes.io/zone=zone-${host#host-}"
}

is_host_ready() {
  kubectl get node "$1" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' | grep -q True
}

containerd_config() {
  local at=$DIR/hosts/$1
  cat <<END
version = 2
root = "$at/root"
state = "$at/state"
oom_score = 0
[grpc]
  address = "$(socket_of "$1")"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  disable_apparmor = true
  # Inside a container root may lack the right to lower this score.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$DIR/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
END
}

# Each has log directories of its own: a kubelet deletes the logs of pods that it does not know.
kubelet_config() {
  local host=$1 number=$2
  cat <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $HOST_NETWORK.$number
healthzBindAddress: 127.0.0.1
healthzPort: $((10350 + number))
containerRuntimeEndpoint: unix://$(socket_of "$host")
podLogsDir: $DIR/hosts/$host/pod-logs
cgroupRoot: /$host
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
featureGates: {KubeletSeparateDiskGC: false, KubeletCrashLoopBackOffMax: true}
# Containers that tests kill come back at once, however often.
crashLoopBackOff: {maxContainerRestartPeriod: 1s}
evictionHard: {memory.available: "0%", nodefs.available: "0%", imagefs.available: "0%"}
imageGCHighThresholdPercent: 100
nodeStatusUpdateFrequency: 4s
tlsCertFile: $DIR/pki/$host.crt
tlsPrivateKeyFile: $DIR/pki/$host.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $DIR/pki/ca.crt}}
authorization: {mode: AlwaysAllow}
clusterDNS: [$HOST_NETWORK.1]
clusterDomain: cluster.local
resolvConf: ""
END
}

make_control_groups() {
  local group file
  for group in /sys/fs/cgroup/*/; do mkdir -p "$group$1"; done
  # All of a host's pods count as one process among those of a busy machine, unless they weigh more.
  echo 8192 >"/sys/fs/cgroup/cpu/$1/cpu.shares"
  # A new group of CPUs has none.
  for file in cpus mems; do cat "/sys/fs/cgroup/cpuset/cpuset.$file" >"/sys/fs/cgroup/cpuset/$1/cpuset.$file"; done
}
