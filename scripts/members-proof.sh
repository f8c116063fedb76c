#!/usr/bin/env bash
# Many real nodes in a network namespace of their own, under a fault that must kill nobody: one node that is stopped and
# continued all the time, or a share of all datagrams dropped at random. Counts who was called dead. Needs root.
#
#   scripts/members-proof.sh MESHD flap|drop [SECONDS [NODES]]
set -euo pipefail

meshd=$(realpath "$1")
fault=$2
seconds=${3:-600}
nodes=${4:-32}
case $fault in flap | drop) ;; *) echo "the fault is flap or drop" >&2; exit 2 ;; esac
if [ "${MEMBERS_PROOF_INSIDE:-}" != yes ]; then
    MEMBERS_PROOF_INSIDE=yes exec unshare -n "$(realpath "$0")" "$meshd" "$fault" "$seconds" "$nodes"
fi

ip link set lo up
work=$(mktemp -d)
pids=()
finish() {
    kill -CONT "${pids[@]}" 2>/dev/null || true
    kill -KILL "${pids[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

start() {
    local number=$1
    shift
    local address=127.0.0.$((10 + number))
    "$meshd" serve --data-dir "$work/n$number" --name "n$number" --s3-listen "$address:9000" \
        --admin-listen "$address:9001" --mesh-listen "$address:9002" "$@" >>"$work/n$number.log" 2>&1 &
    pids+=($!)
}

start 0
for _ in $(seq 100); do
    [ -f "$work/n0/endpoints.json" ] && break
    sleep 0.1
done
token=$("$meshd" token create --data-dir "$work/n0" 2>/dev/null)
for number in $(seq 1 $((nodes - 1))); do start "$number" --join "$token"; done

present() { grep -ho 'member n[0-9]* is alive' "$work/n$1.log" | sort -u | wc -l; }
for _ in $(seq 900); do
    missing=0
    for number in $(seq 0 $((nodes - 1))); do [ "$(present "$number")" -eq "$nodes" ] || missing=$((missing + 1)); done
    [ "$missing" -eq 0 ] && break
    sleep 0.2
done
[ "$missing" -eq 0 ] || { echo "$missing of $nodes nodes do not see all"; exit 1; }
sleep 10
for number in $(seq 0 $((nodes - 1))); do : >"$work/n$number.log"; done

if [ "$fault" = drop ]; then
    nft add table inet proof
    nft add chain inet proof input '{ type filter hook input priority 0; }'
    nft add rule inet proof input meta l4proto udp numgen random mod 100 '<' 10 counter drop
    sleep "$seconds"
    nft list chain inet proof input | grep -o 'counter packets [0-9]*'
else
    end=$((SECONDS + seconds))
    while [ "$SECONDS" -lt "$end" ]; do
        kill -STOP "${pids[1]}"
        sleep 3
        kill -CONT "${pids[1]}"
        sleep 3
    done
    sleep 5
fi

count() { cat "$work"/n*.log | grep -cE "$1" || true; }
dead=$(count 'member n[0-9]+ is dead')
echo "$fault, $nodes nodes, $seconds s: suspected $(count 'is suspect'), refuted $(count 'refuted a suspicion'), dead $dead"
[ "$dead" -eq 0 ]
