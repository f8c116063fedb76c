#!/usr/bin/env bash
# The alert rules load in Prometheus: its own tool reads them.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v promtool >/dev/null; then
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo -n)
    # Debian has the tool in the package of the server.
    "${root[@]}" apt-get update -qq >/dev/null 2>&1 || true
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus \
        >/dev/null 2>&1 || true
fi
if ! command -v promtool >/dev/null; then
    echo "alert rules: promtool is not here and cannot be installed"
    if [ -n "${MESHD_SKIPPED:-}" ]; then echo "alert rules: no promtool" >>"$MESHD_SKIPPED"; fi
    exit 0
fi
promtool check rules packaging/alerts.yml
