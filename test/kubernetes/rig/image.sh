#!/usr/bin/env bash
# image.sh NAME:TAG [MORE-TAGS…]: builds the project's image, and puts it onto every host as localhost/NAME:TAG, and as
# localhost/NAME:MORE-TAG: images that differ in nothing but their name.
source "$(dirname "$0")/settings.sh"

image=localhost/$1
"$RIG/build-image.sh" "$1"
shift
archive=$DIR/image.tar
rm -f "$archive"
buildah push -q --disable-compression "$image" "oci-archive:$archive:$image" >/dev/null
for host in "${HOSTS[@]}"; do
  on_host "$host" images import "$archive" >/dev/null
  for tag in "$@"; do on_host "$host" images tag --force "$image" "${image%:*}:$tag" >/dev/null; done
done
rm -f "$archive"
