#!/usr/bin/env bash
# The alert rules load in Prometheus, and it understands what the panels of the dashboard ask: its own tool reads both.
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

rules=$(mktemp --suffix=.yml)
trap 'rm -f "$rules"' EXIT
python3 - packaging/dashboard.json >"$rules" <<'END'
import json, sys

asked = [target["expr"] for panel in json.load(open(sys.argv[1]))["panels"] for target in panel.get("targets", [])]
known = {"$job": "meshd", "$instance": ".*", "$__rate_interval": "5m"}
rules = []
for number, expression in enumerate(asked):
    for name, value in known.items():
        expression = expression.replace(name, value)
    rules.append({"record": f"panel:{number}", "expr": expression})
print(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
END
promtool check rules "$rules"
