#!/usr/bin/env bash
# Makes what the other scripts run, once for a machine: Debian packages, Kubernetes and its companions from Go modules,
# the images that the project's image starts from. About eight minutes; a second run finds everything and ends at once.
# `build.sh --skaffold` makes skaffold too.
source "$(dirname "$0")/settings.sh"

KUBERNETES=34.4 # 1.34 is the last that runs on the first version of control groups without being asked
ETCD=v3.6.16
COREDNS=v1.12.4
HELM=v3.22.0
SKAFFOLD=v2.24.0
NODE=24
PACKAGES=(containerd runc containernetworking-plugins iptables iproute2 conntrack openssl buildah debootstrap gcc libc6-dev)

export CGO_ENABLED=0 GOFLAGS=-mod=mod
mkdir -p "$BIN"

install_packages() {
  dpkg -s "${PACKAGES[@]}" >/dev/null 2>&1 && return
  require_root
  say "installing ${PACKAGES[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${PACKAGES[@]}" >/dev/null
}

build_kubernetes() {
  [ -x "$BIN/kube" ] && return
  say "building Kubernetes v1.$KUBERNETES (five minutes)"
  # Without its version in it a server says v0.0.0, and Helm refuses to install into that.
  local flags="-s -w" package
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags="$flags -X $package.gitVersion=v1.$KUBERNETES -X $package.gitMajor=1 -X $package.gitMinor=${KUBERNETES%.*}"
    flags="$flags -X $package.gitTreeState=clean"
  done
  (cd "$RIG/programs" && go build -mod=readonly -trimpath -ldflags "$flags" -o "$BIN/kube" .)
  ln -sf kube "$BIN/kubectl"
}

# build NAME PACKAGE VERSION: a command whose module cannot be installed by its name alone.
build() {
  [ -x "$BIN/$1" ] && return
  say "building $1 $3"
  local scratch
  scratch=$(mktemp -d)
  (
    cd "$scratch"
    go mod init scratch 2>/dev/null
    go get "$2@$3" 2>/dev/null
    go build -trimpath -ldflags "-s -w" -o "$BIN/$1" "$2"
  )
  rm -rf "$scratch"
}

build_helm() {
  [ -x "$BIN/helm" ] && return
  say "building helm $HELM"
  # Without a cluster to ask, charts are held against this version of Kubernetes, as in the releases of helm.
  local minor=${KUBERNETES%%.*} capabilities=helm.sh/helm/v3/pkg/chartutil
  local flags="-s -w -X helm.sh/helm/v3/internal/version.version=$HELM"
  flags+=" -X $capabilities.k8sVersionMajor=1 -X $capabilities.k8sVersionMinor=$minor"
  GOBIN=$BIN go install -trimpath -ldflags "$flags" "helm.sh/helm/v3/cmd/helm@$HELM"
}

# Its go.mod pins dependencies with replace lines, which count only in the main module: they are repeated there.
build_skaffold() {
  [ -x "$BIN/skaffold" ] && return
  local module=github.com/GoogleContainerTools/skaffold/v2 scratch mod line
  say "building skaffold $SKAFFOLD (three minutes)"
  scratch=$(mktemp -d)
  (
    cd "$scratch"
    go mod init scratch 2>/dev/null
    mod=$(go mod download -json "$module@$SKAFFOLD" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    awk '/=>/ {sub(/^replace /, ""); print $1 "=" $3 "@" $4}' "$mod" | while read -r line; do go mod edit -replace "$line"; done
    awk '/^exclude/ {print $2 "@" $3}' "$mod" | while read -r line; do go mod edit -exclude "$line"; done
    go get "$module/cmd/skaffold@$SKAFFOLD" 2>/dev/null
    go build -trimpath -ldflags "-s -w -X $module/pkg/skaffold/version.version=$SKAFFOLD" \
      -o "$BIN/skaffold" "$module/cmd/skaffold"
  )
  rm -rf "$scratch"
}

has_image() { buildah inspect --type image "$1" >/dev/null 2>&1; }

build_pause_image() {
  [ -f "$DIR/pause.tar" ] && return
  local scratch
  scratch=$(mktemp -d)
  gcc -static -Os -s "$RIG/programs/pause.c" -o "$scratch/pause"
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n' >"$scratch/Dockerfile"
  buildah bud -q -t localhost/pause:1 "$scratch" >/dev/null
  buildah push -q localhost/pause:1 "oci-archive:$DIR/pause.tar:localhost/pause:1"
  rm -rf "$scratch"
}

# Stand-ins for the official images of Node.js, of Debian's packages and npm's build of Node.js: no image registry needed.
build_slim_image() {
  has_image localhost/node:$NODE-bookworm-slim && return
  say "building a stand-in for node:$NODE-bookworm-slim"
  local scratch cpu
  scratch=$(mktemp -d)
  cpu=$(node -p process.arch)
  (
    cd "$scratch"
    debootstrap --variant=minbase --include=ca-certificates bookworm root >debootstrap.log
    tar -C root --exclude=./var/cache/apt --exclude=./usr/share/doc -cf root.tar .
    npm install --silent --no-save --prefix runtime "node-linux-$cpu@$NODE" >/dev/null
    mv "runtime/node_modules/node-linux-$cpu" node
    cp -rL "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" npm
    cat >Dockerfile <<'END'
FROM scratch
ADD root.tar /
COPY node/bin/node /usr/local/bin/node
COPY node/include /usr/local/include
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && useradd -u 1000 -m node
CMD ["node"]
END
    buildah bud -q -t localhost/node:$NODE-bookworm-slim . >/dev/null
  )
  rm -rf "$scratch"
}

build_full_image() {
  has_image localhost/node:$NODE-bookworm && return
  say "building a stand-in for node:$NODE-bookworm"
  buildah bud -q --network host -v /etc/ssl/certs:/etc/ssl/certs:ro -v /etc/apt:/etc/apt:ro \
    -t localhost/node:$NODE-bookworm -f - "$RIG/programs" >/dev/null <<END
FROM localhost/node:$NODE-bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
ENV npm_config_nodedir=/usr/local
END
}

# Mostly waits for the network, while Go keeps the processors busy.
build_images() {
  build_pause_image
  build_slim_image
  build_full_image
}

install_packages
build_images &
images=$!
trap 'kill $images 2>/dev/null || true' EXIT
build_kubernetes
build etcd go.etcd.io/etcd/server/v3 $ETCD
build coredns github.com/coredns/coredns $COREDNS
build_helm
[ "${1:-}" != --skaffold ] || build_skaffold
wait $images
trap - EXIT
