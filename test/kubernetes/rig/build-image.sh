#!/usr/bin/env bash
# build-image.sh NAME:TAG: builds the project's Dockerfile on the stand-ins of its base images, as localhost/NAME:TAG.
# Needs what build.sh made, and no cluster. Two minutes the first time, seconds where only the sources changed.
source "$(dirname "$0")/settings.sh"

image=localhost/$1
options=(--layers --network host -v /etc/ssl/certs:/etc/ssl/certs:ro)
# Where this machine's npm fetches packages from.
npmrc=$(npm config get globalconfig 2>/dev/null)
[ -f "$npmrc" ] && options+=(-v "$npmrc:$npmrc:ro" -v "$npmrc:/usr/local/etc/npmrc:ro")

say "building $image (two minutes the first time)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
buildah bud "${options[@]}" --build-arg NODE_IMAGE=localhost/node:24-bookworm \
  --build-arg NODE_SLIM_IMAGE=localhost/node:24-bookworm-slim -t "$image" "$PROJECT" >"$log" 2>&1 || {
  cat "$log" >&2
  fail "$image could not be built"
}
