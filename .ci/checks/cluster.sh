#!/usr/bin/env bash
# The walk of the README: `make cluster`, then aws-cli puts through n1, lists through n2 and gets through n3; n3 is killed
# and everything goes on; it returns and what waits for it drains to none; n4 joins with one token and takes its share;
# n2 is drained and stopped with nothing lost. Then short trials under kills. MESHD and CHAOS name other programs than
# the release build, SEED another course of the trials, MINUTES=0 leaves them out.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ]; then
    scripts/release.sh
    MESHD=.build/release/meshd
    CHAOS=.build/release/chaos
fi
MESHD=$(realpath "$MESHD")
CHAOS=$(realpath "${CHAOS:-$(dirname "$MESHD")/chaos}")
if ! scripts/client-tools.sh; then
    echo "cluster: aws-cli is not here and cannot be installed"
    if [ -n "${MESHD_SKIPPED:-}" ]; then echo "cluster: no aws-cli" >>"$MESHD_SKIPPED"; fi
    exit 0
fi
PATH="$PWD/.venv-clients/bin:$PATH"

work=$(mktemp -d)
dir=$work/cluster
script=
declare -A own=()

finish() {
    local result=$? pid
    trap - EXIT INT TERM
    if [ -n "$script" ]; then kill "$script" 2>/dev/null || true; fi
    for pid in "${own[@]}"; do kill "$pid" 2>/dev/null || true; done
    if [ -n "$script" ]; then wait "$script" 2>/dev/null || true; fi
    if [ "$result" -ne 0 ]; then tail -n 5 "$work"/*.log "$dir"/*.log; fi
    rm -rf "$work"
    exit "$result"
}
trap finish EXIT
trap 'exit 1' INT TERM

say() { echo "cluster: $*"; }

fail() {
    say "$*"
    exit 1
}

# until_true SECONDS COMMAND…
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            "$MESHD" status --data-dir "$dir/n1" || true
            "$MESHD" layout --data-dir "$dir/n1" || true
            "$MESHD" repair --data-dir "$dir/n1" || true
            fail "in vain: $*"
        fi
        sleep 0.3
    done
}

# json EXPRESSION COMMAND…: whether the expression holds for what the command tells, whatever its exit.
json() {
    local expression=$1
    shift
    { "$MESHD" "$@" --json 2>/dev/null || true; } | python3 -c '
import json, sys
it = json.load(sys.stdin)
sys.exit(not eval(sys.argv[1]))' "$expression"
}

healthy() { "$MESHD" status --data-dir "$dir/$1"; }
told() { json "any(f['code'] == '$2' for f in it['cluster']['findings'])" status --data-dir "$dir/$1"; }
untold() { json "not any(f['code'] == '$2' for f in it['cluster']['findings'])" status --data-dir "$dir/$1"; }
# holds NODE LEAST MOST: nothing changes, and its share of all keys is between these.
holds() {
    json "not it['layout']['isChanging'] and $2 <= sum(m['share'] for m in it['layout']['members'] if m['name'] == '$1') \
        <= $3" layout --data-dir "$dir/n1"
}
# s3 NUMBER ARGUMENT…: aws-cli through a node.
s3() {
    local number=$1
    shift
    aws --endpoint-url "http://127.0.0.1:$((port + 10 * (number - 1)))" s3 "$@"
}

# same NUMBER: every object is what it was, read through this node.
same() {
    rm -rf "$work/back"
    s3 "$1" cp --quiet --recursive s3://walk "$work/back"
    diff -r "$work/files" "$work/back" >/dev/null || fail "what n$1 gives is not what was put"
}

# listed NUMBER: the list through this node has each object, and nothing else.
listed() {
    diff <(s3 "$1" ls --recursive s3://walk | awk '{ print $4 }' | sort) \
        <(cd "$work/files" && find . -type f -printf '%P\n' | LC_ALL=C sort) >/dev/null || fail "the list of n$1 is wrong"
}

# files NAME COUNT BYTES: bytes nobody else has.
files() {
    local number
    mkdir -p "$work/files/$1"
    for number in $(seq "$2"); do head -c "$3" /dev/urandom >"$work/files/$1/$number"; done
}

# Three ports for each of four nodes that nobody listens on.
port=$(python3 -c '
import random, socket
while True:
    base = random.randrange(20000, 30000, 100)
    held = []
    try:
        for number in range(4):
            for face in range(3):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    held.append(socket.socket(socket.AF_INET, kind))
                    held[-1].bind(("127.0.0.1", base + 10 * number + face))
        break
    except OSError:
        pass
print(base)')

DIR=$dir PORT=$port scripts/cluster.sh --meshd "$MESHD" >"$work/cluster.log" 2>&1 &
script=$!
until_true 120 grep -q 'nodes are up' "$work/cluster.log"
until_true 10 grep -q 'export AWS' "$work/cluster.log"
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_MAX_ATTEMPTS=1
eval "$(grep 'export AWS' "$work/cluster.log")"
until_true 60 holds n1 0.99 1.01
until_true 60 holds n3 0.99 1.01
until_true 60 healthy n2
say "three nodes are one store"

s3 1 mb s3://walk >/dev/null
files first 60 20000
head -c 20000000 /dev/urandom >"$work/files/large"
s3 1 cp --quiet --recursive "$work/files" s3://walk
listed 2
same 3
say "put through n1, listed through n2, got through n3"

kill -9 "$(cat "$dir/n3.pid")"
files second 40 3000
s3 1 cp --quiet --recursive "$work/files/second" s3://walk/second
s3 2 rm --quiet s3://walk/first/7
rm "$work/files/first/7"
listed 2
same 1
until_true 60 told n1 holder-dead
until_true 30 told n2 hints
if healthy n1 >"$work/status"; then fail "n3 is dead, and n1 calls that healthy"; fi
say "n3 was killed and everything goes on; $(head -n 1 "$work/status")"

"$MESHD" serve --config "$dir/n3.toml" >>"$dir/n3.log" 2>&1 &
own[n3]=$!
until_true 60 untold n1 holder-dead
until_true 60 healthy n1
until_true 60 untold n1 hints
until_true 30 json "it['whole'] == 3" where walk/second/40 --data-dir "$dir/n1"
listed 3
same 3
say "it returned, and nothing waits for it any more"

token=$("$MESHD" token create --data-dir "$dir/n1" 2>/dev/null)
"$MESHD" join "$token" --data-dir "$dir/n4" --name n4 --lan-discovery off --s3-listen "127.0.0.1:$((port + 30))" \
    --admin-listen "127.0.0.1:$((port + 31))" --mesh-listen "127.0.0.1:$((port + 32))" >>"$dir/n4.log" 2>&1 &
own[n4]=$!
until_true 120 holds n4 0.7 0.8
listed 4
same 4
say "n4 joined with one token and holds its share"

"$MESHD" bucket move walk --nodes n2,n3,n4 --wait --data-dir "$dir/n1" >/dev/null
json "sorted(h['name'] for h in it['holders']) == ['n2', 'n3', 'n4'] and it['whole'] == 3" \
    where walk/large --data-dir "$dir/n1" || fail "the moved bucket is not where it is to be"
files moved 20 5000
s3 1 cp --quiet --recursive "$work/files/moved" s3://walk/moved
listed 1
same 1
"$MESHD" bucket move walk --everywhere --wait --data-dir "$dir/n1" >/dev/null
same 4
say "the bucket moved to three of the four nodes and back"

"$MESHD" node drain n2 --data-dir "$dir/n1" >/dev/null
until_true 120 holds n2 0 0
until_true 30 holds n1 0.99 1.01
kill "$(cat "$dir/n2.pid")"
until_true 30 json "it['state'] == 'left'" member n2 --data-dir "$dir/n1"
files third 10 100000
s3 4 cp --quiet --recursive "$work/files/third" s3://walk/third
for number in 1 3 4; do
    listed "$number"
    same "$number"
done
until_true 60 untold n1 hints
say "n2 was drained and stopped, and nothing is lost"

kill "$script"
wait "$script" || fail "make cluster ended with $?"
script=
for name in n3 n4; do
    kill "${own[$name]}"
    wait "${own[$name]}" || fail "$name ended with $?"
    unset "own[$name]"
done
say "all of them ended when they were told to"

if [ "${MINUTES:-0.5}" = 0 ]; then exit 0; fi
"$CHAOS" run --meshd "$MESHD" --nodes 3 --minutes "${MINUTES:-0.5}" --faults kill --seed "${SEED:-42}" \
    --report "$work/report"
"$CHAOS" race --meshd "$MESHD" --nodes 3 --rounds 10 --racers 20 --faults kill --seed "${SEED:-42}"
