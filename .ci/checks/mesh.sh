#!/usr/bin/env bash
# Five real nodes from one pasted token, as the README says: they see one another, a kill is found out and explained, a
# return is seen, an expelled node stays out, a goodbye is no death. MESHD names another program than the release build.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ]; then
    scripts/release.sh --product meshd
    MESHD=.build/release/meshd
fi
MESHD=$(realpath "$MESHD")
work=$(mktemp -d)
export MESHD_ADMIN_TOKEN=an-operators-token-for-all-nodes
pids=()
# Addresses that nobody else has, such as a run that was cut off.
net=127.$((1 + RANDOM % 250)).$((1 + RANDOM % 250))

finish() {
    local result=$?
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    if [ "$result" -ne 0 ]; then tail -n 5 "$work"/*.log; fi
    rm -rf "$work"
    exit "$result"
}
trap finish EXIT

say() { echo "mesh: $*"; }

# serve NUMBER [ARGUMENT…]: a node on its own loopback address, so that the default ports are free.
serve() {
    local number=$1 ip="$net.$1"
    shift
    "$MESHD" serve --data-dir "$work/n$number" --name "n$number" --s3-listen "$ip:9000" --admin-listen "$ip:9001" \
        --mesh-listen "$ip:9002" "$@" >>"$work/n$number.log" 2>&1 &
    pids[number]=$!
}

# state OF AT: what node AT holds of node OF.
state() {
    "$MESHD" member "n$1" --data-dir "$work/n$2" --json 2>/dev/null | sed -n 's/^ *"state" : "\(.*\)",*$/\1/p'
}

# until_state OF AT STATES SECONDS
until_state() {
    local end=$((SECONDS + $4)) now
    while true; do
        now=$(state "$1" "$2" || true)
        if [[ " $3 " == *" $now "* ]]; then return 0; fi
        if [ "$SECONDS" -ge "$end" ]; then
            say "n$2 holds n$1 ${now:-unknown}, not $3, after $4 s"
            return 1
        fi
        sleep 0.2
    done
}

# until_true SECONDS COMMAND…
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            say "in vain: $*"
            return 1
        fi
        sleep 0.2
    done
}

sends_under() { "$MESHD" keys --data-dir "$work/n$1" --json | grep -q "\"sending\" : $2"; }

make_token() { token=$("$MESHD" token create --data-dir "$work/n1"); }

serve 1
until_true 60 make_token
[ "$(wc -l <<<"$token")" -eq 1 ]
for number in 2 3 4 5; do serve "$number" --join "$token"; done
for at in 1 2 3 4 5; do
    for of in 1 2 3 4 5; do until_state "$of" "$at" alive 60; done
done
say "five nodes see one another"

kill -9 "${pids[5]}"
for at in 1 2 3 4; do until_state 5 "$at" dead 60; done
# It may be suspect for less than a look at it takes; the journal keeps it.
why=$("$MESHD" why n5 --data-dir "$work/n2")
grep -q 'became suspect' <<<"$why"
grep -q 'became dead' <<<"$why"
"$MESHD" members --data-dir "$work/n5" 2>&1 | grep -q 'n5 is down'
say "a killed one is suspected, found dead and explained"

serve 5
for at in 1 2 3 4; do until_state 5 "$at" "alive unstable" 60; done
say "its return is seen"

"$MESHD" expel n4 --reason stolen --data-dir "$work/n1" >/dev/null
for at in 1 2 3 5; do until_state 4 "$at" expelled 60; done
kill -9 "${pids[4]}"
serve 4
for at in 1 2 3 5; do until_state 4 "$at" expelled 30; done
until_true 120 sends_under 3 2
say "an expelled one stays out, and the key has changed"

kill "${pids[3]}"
for at in 1 2 5; do until_state 3 "$at" left 60; done
say "a goodbye is no death"

until_true 30 "$MESHD" agree --data-dir "$work/n1"
say "all that are left agree"
