#!/bin/sh
# A node package that unpacks itself: as root it installs the node, with --unpack DIR it only unpacks.
set -e

if [ "${1:-}" = --unpack ] && [ -n "${2:-}" ]; then
    mkdir -p "$2"
    tail -c +@OFFSET@ "$0" | tar -xzf - -C "$2"
    exit 0
fi
if [ "$#" -gt 0 ]; then
    echo "usage: sh $0 [--unpack DIR]" >&2
    exit 2
fi
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tail -c +@OFFSET@ "$0" | tar -xzf - -C "$folder"
sh "$folder"/*/install.sh
exit 0
