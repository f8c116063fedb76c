#!/usr/bin/env bash
# A mesh on this machine: NODES nodes (3) on 127.0.0.1, their data under DIR (./cluster), until ^C. The next run goes on
# with the same data; with a larger NODES it adds nodes.
#
#   scripts/cluster.sh [--meshd PATH]
#
# Node i listens on PORT + 10 (i - 1) for S3 (PORT: 9000), one above for its admin API, two above for other nodes. What
# it was started with stays in DIR/nI.toml, so `meshd serve --config DIR/nI.toml` starts one by hand.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
meshd=$here/.build/release/meshd
if [ "${1:-}" = --meshd ]; then meshd=$(realpath "$2"); fi
nodes=${NODES:-3}
port=${PORT:-9000}
dir=${DIR:-cluster}
# A machine under load takes its time; a node that cannot start says so at once.
patience=${PATIENCE:-120}

if ! [[ $nodes =~ ^[1-9][0-9]?$ ]]; then
    echo "cluster: NODES is a number from 1 to 99" >&2
    exit 2
fi
# Logs hold the first key.
umask 077
mkdir -p "$dir"
if [ ! -s "$dir/admin-token" ]; then
    head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$dir/admin-token"
fi
MESHD_ADMIN_TOKEN=$(cat "$dir/admin-token")
export MESHD_ADMIN_TOKEN

declare -A pids=()

finish() {
    trap - EXIT INT TERM
    local name
    if [ "${#pids[@]}" -gt 0 ]; then echo "stopping ${!pids[*]}"; fi
    for name in "${!pids[@]}"; do kill "${pids[$name]}" 2>/dev/null || true; done
    for name in "${!pids[@]}"; do
        wait "${pids[$name]}" 2>/dev/null || true
        rm -f "$dir/$name.pid"
    done
    exit "${1:-0}"
}
trap 'finish $?' EXIT
trap 'echo; finish 0' INT TERM

fail() {
    echo "cluster: $*" >&2
    exit 1
}

# configure NUMBER: what a node is started with, written once.
configure() {
    local name=n$1 base=$((port + 10 * ($1 - 1)))
    [ -f "$dir/$name.toml" ] && return
    cat >"$dir/$name.toml" <<TOML
name          = "$name"
data-dir      = "$dir/$name"
s3-listen     = "127.0.0.1:$base"
admin-listen  = "127.0.0.1:$((base + 1))"
mesh-listen   = "127.0.0.1:$((base + 2))"
lan-discovery = "off"
TOML
}

# start NUMBER [ARGUMENT…]: in a session of its own, so that the ^C of this terminal reaches it once, from here.
start() {
    local name=n$1
    shift
    setsid "$meshd" serve --config "$dir/$name.toml" "$@" >>"$dir/$name.log" 2>&1 </dev/null &
    pids[$name]=$!
    echo "$!" >"$dir/$name.pid"
}

# await NUMBER: until it serves, or has ended.
await() {
    local name=n$1 end=$((SECONDS + patience))
    # A mesh that still lacks the others is not healthy, which is an exit of 1 too.
    until grep -q '"ready" : true' <<<"$("$meshd" status --data-dir "$dir/$name" --json 2>/dev/null || true)"; do
        if ! kill -0 "${pids[$name]}" 2>/dev/null; then
            tail -n 5 "$dir/$name.log" >&2
            fail "$name cannot run; all of it is in $dir/$name.log"
        fi
        [ "$SECONDS" -lt "$end" ] || fail "$name is not ready after $patience s; see $dir/$name.log"
        sleep 0.2
    done
}

is_new() { [ ! -f "$dir/n$1/mesh-state" ]; }

[ -x "$meshd" ] || fail "there is no program at $meshd; build it with make"
fresh=()
for number in $(seq "$nodes"); do
    configure "$number"
    if [ "$number" -gt 1 ] && is_new "$number"; then
        fresh+=("$number")
    elif [ "$number" -eq 1 ]; then
        start 1
    else
        # The first admin key is made where the mesh begins.
        MESHD_ROOT_ACCESS_KEY='' MESHD_ROOT_SECRET_KEY='' start "$number"
    fi
done
if [ "${#fresh[@]}" -gt 0 ]; then
    await 1
    token=$("$meshd" token create --data-dir "$dir/n1" --expires 1h 2>/dev/null) || fail "n1 makes no token"
    for number in "${fresh[@]}"; do
        MESHD_ROOT_ACCESS_KEY='' MESHD_ROOT_SECRET_KEY='' start "$number" --join "$token"
    done
fi
for number in $(seq "$nodes"); do await "$number"; done

value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$dir/n1/root-key.json" 2>/dev/null; }
endpoint() { sed -n "s/^$2 *= *\"\(.*\)\"/http:\/\/\1/p" "$dir/n$1.toml"; }

echo
echo "$nodes nodes are up, their data is in $dir/"
for number in $(seq "$nodes"); do
    printf '  %-4s S3 %s   admin %s   log %s\n' "n$number" "$(endpoint "$number" s3-listen)" \
        "$(endpoint "$number" admin-listen)" "$dir/n$number.log"
done
for extra in "$dir"/n*/mesh-state; do
    name=$(basename "$(dirname "$extra")")
    if [ -f "$extra" ] && [ -z "${pids[$name]:-}" ]; then
        echo "  $name is not among them: its part of the data stays away until it is started"
    fi
done
key=$(value accessKey)
if [ -n "$key" ]; then
    echo
    echo "  export AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$(value secretKey) AWS_REGION=us-east-1"
fi
last=$((nodes < 3 ? nodes : 3))
shown=$(realpath --relative-to=. "$meshd")
cat <<TEXT
  aws --endpoint-url $(endpoint 1 s3-listen) s3 mb s3://first
  aws --endpoint-url $(endpoint 1 s3-listen) s3 cp README.md s3://first/
  aws --endpoint-url $(endpoint $((nodes < 2 ? 1 : 2)) s3-listen) s3 ls s3://first/
  aws --endpoint-url $(endpoint "$last" s3-listen) s3 cp s3://first/README.md -
  $shown status --data-dir $dir/n1
  $shown where first/README.md --data-dir $dir/n1
  kill -9 \$(cat $dir/n$last.pid)        # everything goes on

^C stops all of them; the next run goes on with the same data.
TEXT

# Tells of those who end, until a signal ends all.
while [ "${#pids[@]}" -gt 0 ]; do
    status=0
    # The shell would tell of a kill in words of its own.
    { wait -n -p ended "${pids[@]}"; } 2>/dev/null || status=$?
    [ -n "${ended:-}" ] || continue
    for name in "${!pids[@]}"; do
        [ "${pids[$name]}" = "$ended" ] || continue
        unset "pids[$name]"
        rm -f "$dir/$name.pid"
        echo "$name has ended with $status; to start it again: $shown serve --config $dir/$name.toml"
    done
done
echo "all nodes have ended"
