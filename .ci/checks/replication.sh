#!/usr/bin/env bash
# A bucket is sent from a mesh of three to another store while nodes of both are killed, then both ways between two meshes,
# then between two of one node each, where what loses stays a version. MESHD and CHAOS name other programs than the release
# build's.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ] || [ -z "${CHAOS:-}" ]; then
    scripts/release.sh --product meshd
    scripts/release.sh --product chaos
    MESHD=.build/release/meshd
    CHAOS=.build/release/chaos
fi

"$CHAOS" replicate --meshd "$MESHD" --seconds 15
"$CHAOS" replicate --meshd "$MESHD" --seconds 15 --targets 3 --both-ways
"$CHAOS" replicate --meshd "$MESHD" --seconds 10 --nodes 1 --targets 1 --both-ways --versioned
