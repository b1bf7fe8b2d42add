#!/usr/bin/env bash
# image.sh NAME:TAG [MORE-TAGS…]: builds the project's Dockerfile on the stand-ins of its base images, and puts it onto
# every host as localhost/NAME:TAG, and as localhost/NAME:MORE-TAG: images that differ in nothing but their name.
source "$(dirname "$0")/settings.sh"

image=localhost/$1
shift
options=(--layers --network host -v /etc/ssl/certs:/etc/ssl/certs:ro)
# Where this machine's npm fetches packages from.
npmrc=$(npm config get globalconfig 2>/dev/null)
[ -f "$npmrc" ] && options+=(-v "$npmrc:$npmrc:ro" -v "$npmrc:/usr/local/etc/npmrc:ro")

say "building $image (two minutes the first time)"
buildah bud "${options[@]}" --build-arg NODE_IMAGE=localhost/node:24-bookworm \
  --build-arg NODE_SLIM_IMAGE=localhost/node:24-bookworm-slim -t "$image" "$PROJECT" >"$DIR/log/image.log" 2>&1 ||
  fail "the image could not be built; see $DIR/log/image.log"

archive=$DIR/image.tar
rm -f "$archive"
buildah push -q --disable-compression "$image" "oci-archive:$archive:$image" >/dev/null
for host in "${HOSTS[@]}"; do
  on_host "$host" images import "$archive" >/dev/null
  for tag in "$@"; do on_host "$host" images tag --force "$image" "${image%:*}:$tag" >/dev/null; done
done
rm -f "$archive"
