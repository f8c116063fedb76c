#!/usr/bin/env bash
# Load balancers before a mesh of three: haproxy and nginx of Debian take what `meshd lb-config` prints, and puts and gets
# go through them while a node is killed. MESHD names another program than the release build.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ]; then
    scripts/release.sh --product meshd
    MESHD=.build/release/meshd
fi
PATH=$PATH:/usr/sbin
if ! command -v haproxy >/dev/null || ! command -v nginx >/dev/null; then
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo -n)
    "${root[@]}" apt-get update -qq >/dev/null 2>&1 || true
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends haproxy nginx \
        >/dev/null 2>&1 || true
fi
if ! command -v haproxy >/dev/null || ! command -v nginx >/dev/null; then
    echo "balancer: haproxy or nginx is not here and cannot be installed"
    if [ -n "${MESHD_SKIPPED:-}" ]; then echo "balancer: no haproxy or nginx" >>"$MESHD_SKIPPED"; fi
    exit 0
fi

work=$(mktemp -d)
pids=()
finish() {
    local result=$? pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [ "$result" -ne 0 ]; then tail -n 5 "$work"/*.log "$work"/mesh/*.log || true; fi
    rm -rf "$work"
    exit "$result"
}
trap finish EXIT

port=$((20000 + RANDOM % 1000 * 10))
DIR=$work/mesh PORT=$port scripts/cluster.sh --meshd "$MESHD" >"$work/cluster.log" 2>&1 &
pids+=("$!")
until grep -q '^\^C stops' "$work/cluster.log"; do
    kill -0 "${pids[0]}" || exit 1
    sleep 0.3
done
eval "$(grep 'export AWS' "$work/cluster.log")"

# Who has no place yet is no server yet, and a mesh without any says so.
for _ in $(seq 200); do
    "$MESHD" lb-config haproxy --listen "127.0.0.1:$((port + 5))" --data-dir "$work/mesh/n1" >"$work/haproxy.cfg" 2>/dev/null || true
    if [ "$(grep -c '^    server n[123] ' "$work/haproxy.cfg")" = 3 ]; then break; fi
    sleep 0.3
done
[ "$(grep -c '^    server n[123] ' "$work/haproxy.cfg")" = 3 ]
"$MESHD" lb-config nginx --listen "127.0.0.1:$((port + 6))" --data-dir "$work/mesh/n1" >"$work/meshd.conf" 2>/dev/null
cat >"$work/nginx.conf" <<NGINX
pid $work/nginx.pid;
error_log $work/nginx.log;
daemon off;
events {}
http {
    access_log off;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    include $work/meshd.conf;
}
NGINX
haproxy -c -q -f "$work/haproxy.cfg"
nginx -q -t -c "$work/nginx.conf" -e "$work/nginx.log"
haproxy -q -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1 &
pids+=("$!")
nginx -c "$work/nginx.conf" -e "$work/nginx.log" &
pids+=("$!")

# s3 FACE ARGUMENT…: one signed request, tried once.
s3() {
    local face=$1 path=$2
    shift 2
    curl -sS --fail-with-body --max-time 20 --aws-sigv4 "aws:amz:us-east-1:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "http://127.0.0.1:$((port + face))/$path" "$@"
}
for face in 5 6; do
    for _ in $(seq 100); do if s3 "$face" "" -o /dev/null 2>/dev/null; then break; else sleep 0.2; fi; done
done
# What a build has just written takes a slow disk some seconds: not beside what is looked at here.
sync
for try in $(seq 20); do
    # The answer to the first may be lost: then it is there.
    if s3 5 balanced -X PUT -o /dev/null || s3 5 balanced -o /dev/null; then break; fi
    [ "$try" -lt 20 ] || { echo "balancer: no bucket can be made"; exit 1; }
    sleep 0.5
done
head -c 300000 /dev/urandom >"$work/body.bin"

# A request that the node took with it when it died fails, and hardly another one. A balancer that went on sending to it
# would lose one of three.
for face in 5 6; do
    name=$([ "$face" = 5 ] && echo haproxy || echo nginx)
    failures=0
    for number in $(seq 40); do
        if [ "$number" = 10 ] && [ "$face" = 5 ]; then kill -9 "$(cat "$work/mesh/n3.pid")"; fi
        if [ "$number" = 10 ] && [ "$face" = 6 ]; then
            "$MESHD" serve --config "$work/mesh/n3.toml" >>"$work/mesh/n3.log" 2>&1 &
            again=$!
            pids+=("$again")
        fi
        if [ "$number" = 25 ] && [ "$face" = 6 ]; then kill -9 "$again"; fi
        # Two slashes in a row, a space and a sign are part of the key.
        key="$name//a%20b%2B$number"
        if s3 "$face" "balanced/$key" -T "$work/body.bin" -o "$work/said" &&
            s3 "$face" "balanced/$key" -o "$work/back.bin" 2>"$work/said"; then
            cmp "$work/body.bin" "$work/back.bin"
        else
            failures=$((failures + 1))
            # A balancer that holds nobody for alive for a moment is one failure, not thirty.
            sleep 1
            echo "balancer: number $number through $name: $(head -c 600 "$work/said")"
        fi
    done
    [ "$failures" -le 3 ] || { echo "balancer: $failures of 40 failed through $name"; exit 1; }
    echo "balancer: 40 puts and gets through $name while a node died: $failures failed"
done
