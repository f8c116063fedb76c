#!/usr/bin/env bash
# Runs built tests, and says at the end which of them failed and why: thousands of lines lie between.
#   scripts/test.sh ARGUMENTS OF SWIFT TEST
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift test --skip-build "$@" 2>&1 | tee "$log"
result=${PIPESTATUS[0]}
if [ "$result" -ne 0 ]; then
    echo "== what failed, with exit code $result"
    grep -aE '✘|[Ff]atal error|error: ' "$log" | head -60
    # A test that took the whole process with it has begun and not ended.
    grep -aE '^◇ Test (case )?' "$log" | tail -2
fi
exit "$result"
