#!/usr/bin/env bash
# The console, walked through by a real browser: Debian's chromium, driven from PyPI's playwright. Three nodes that are
# alone become one mesh, after a wrong code and a node that died on the way; then all pages of that mesh.
# MESHD names another program than the release build.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ]; then
    scripts/release.sh --product meshd
    MESHD=.build/release/meshd
fi
venv=.venv-console
# Chromium and playwright, installed where they are missing.
browser() {
    if ! command -v chromium >/dev/null; then
        local root=()
        [ "$(id -u)" -eq 0 ] || root=(sudo)
        "${root[@]}" apt-get update -qq || return 1
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium python3-venv >/dev/null || return 1
    fi
    if ! "$venv/bin/python" -c 'import playwright' 2>/dev/null; then
        python3 -m venv "$venv" && "$venv/bin/pip" -q install playwright || return 1
    fi
}
if ! browser; then
    echo "console: chromium or playwright is not here and cannot be installed"
    if [ -n "${MESHD_SKIPPED:-}" ]; then echo "console: no browser" >>"$MESHD_SKIPPED"; fi
    exit 0
fi

work=$(mktemp -d)
port=${PORT:-$((20000 + RANDOM % 1000 * 10))}
mkdir "$work/mesh"
keepers=()
cluster=
finish() {
    local result=$? keeper file
    touch "$work/stop"
    for file in "$work"/mesh/*.pid; do kill "$(cat "$file")" 2>/dev/null || true; done
    if [ -n "$cluster" ]; then kill "$cluster" 2>/dev/null || true; wait "$cluster" 2>/dev/null || true; fi
    for keeper in "${keepers[@]}"; do wait "$keeper" 2>/dev/null || true; done
    if [ "$result" -ne 0 ]; then tail -n 5 "$work"/mesh/*.log || true; fi
    rm -rf "$work"
    exit "$result"
}
trap finish EXIT

# keep NAME PORT: a node that is started again when it ends, as a supervisor would, unless it is on hold.
keep() {
    while [ ! -e "$work/stop" ]; do
        if [ ! -e "$work/mesh/$1.hold" ]; then
            "$MESHD" serve --data-dir "$work/mesh/$1" --name "$1" --mesh-profile fast \
                --s3-listen "127.0.0.1:$2" --admin-listen "127.0.0.1:$(($2 + 1))" \
                --mesh-listen "127.0.0.1:$(($2 + 2))" >>"$work/mesh/$1.log" 2>&1 &
            echo $! >"$work/mesh/$1.pid"
            wait $! || true
        fi
        sleep 0.3
    done
}
nodes=()
for number in 1 2 3; do
    base=$((port + 10 * (number - 1)))
    keep "n$number" "$base" &
    keepers+=($!)
    nodes+=(--node "http://127.0.0.1:$((base + 1))=$work/mesh/n$number")
done
for number in 1 2 3; do
    base=$((port + 10 * (number - 1)))
    tries=0
    until curl -sf "http://127.0.0.1:$((base + 1))/health/ready" >/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || { echo "console: n$number does not come up"; exit 1; }
        sleep 0.5
    done
done
pictures=()
if [ -n "${PICTURES:-}" ]; then
    mkdir -p "$PICTURES"
    pictures=(--pictures "$PICTURES")
fi
"$venv/bin/python" scripts/wizard-walk.py "${nodes[@]}" --pid "$work/mesh/n3.pid" --hold "$work/mesh/n3.hold" \
    "${pictures[@]}"
value() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p' "$work/mesh/n1/root-key.json"; }
# From here on it stays dead.
touch "$work/mesh/n3.hold"
"$venv/bin/python" scripts/console-walk.py --url "http://127.0.0.1:$((port + 1))" --s3 "http://127.0.0.1:$port" \
    "${pictures[@]}" --access-key "$(value accessKey)" --secret-key "$(value secretKey)" --kill "n3=$(cat "$work/mesh/n3.pid")"
# Three nodes that are one mesh go back to one.
DIR="$work/back" PORT=$((port + 40)) scripts/cluster.sh --meshd "$MESHD" >"$work/back.log" 2>&1 &
cluster=$!
until grep -q 'nodes are up' "$work/back.log"; do
    tries=$((tries + 1))
    [ "$tries" -lt 240 ] || { cat "$work/back.log"; exit 1; }
    sleep 0.5
done
"$venv/bin/python" scripts/wizard-walk.py --back --node "http://127.0.0.1:$((port + 41))=$work/back/n1" "${pictures[@]}"
