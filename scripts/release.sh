#!/usr/bin/env bash
# The release build, as everybody makes it: with Swift's own libraries inside the program, so that it calls them without
# a detour and runs where no Swift is. `--product meshd` or another one; without, all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

swift build -c release --static-swift-stdlib "$@"
