#!/usr/bin/env bash
# A real node, built as it ships: killed under load, streamed through, fed garbage, traced, and used by real clients,
# each at a short setting.
set -euo pipefail
cd "$(dirname "$0")/../.."

scripts/release.sh
meshd=.build/release/meshd
seed=${SEED:-42}
.build/release/chaos kills --meshd "$meshd" --kills "${KILLS:-25}" --seed "$seed"
.build/release/chaos streams --meshd "$meshd" --size "${STREAM_SIZE:-16MiB}" --seed "$seed"
.build/release/chaos fuzz --meshd "$meshd" --seconds "${FUZZ_SECONDS:-15}" --seed "$seed"
scripts/strace-proof.sh "$meshd"
scripts/clients.sh --meshd "$meshd"
