#!/bin/sh
# Make the image that node images start from: this machine's own Debian release with python3, and
# nothing else. Packages come from wherever this machine's apt gets its own; no image registry is asked.
#
#   compose/base-image.sh [TAG]       TAG: splitbrain-base by default
#
# EXTRA=iptables,iproute2 adds packages; the harness needs none of them in its nodes.
# Needs mmdebstrap, and a docker engine that it may talk to.
set -eu

tag=${1:-splitbrain-base}
. /etc/os-release

set -- /etc/apt/sources.list.d/*.sources
[ -e "$1" ] || set -- /etc/apt/sources.list

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/apt.conf"
apt-config dump Acquire >"$work/apt.conf"

mmdebstrap --quiet --variant=essential --include="python3${EXTRA:+,$EXTRA}" \
    --aptopt="$work/apt.conf" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$VERSION_CODENAME" "$work/root.tar" "$@"
docker import "$work/root.tar" "$tag"
