#!/usr/bin/env bash
# A real node, built as it ships: killed under load and used by real clients, each at a short setting.
set -euo pipefail
cd "$(dirname "$0")/../.."

swift build -c release
.build/release/chaos kills --meshd .build/release/meshd --kills "${KILLS:-25}" --seed "${SEED:-$RANDOM}"
scripts/clients.sh --meshd .build/release/meshd
