#!/usr/bin/env bash
# One node beside SeaweedFS and nginx in one run, interleaved; prints the table and the ratios of the docs.
#
#   scripts/bench.sh [--meshd PATH] [--bench DIR] [options of s3bench.py run, such as --reps 3 or --sizes 1k,1m]
#
# It needs python3, nginx, wrk and `weed` (WEED_BIN names it), two quiet cores, and about twelve minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

meshd=.build/release/meshd
bench=../shared/bench
rest=()
while [ $# -gt 0 ]; do
    case $1 in
    --meshd) meshd=$2; shift 2 ;;
    --bench) bench=$2; shift 2 ;;
    *) rest+=("$1"); shift ;;
    esac
done
if [ ! -f "$bench/s3bench.py" ]; then
    echo "bench: no s3bench.py in $bench" >&2
    exit 2
fi
if [ ! -x "$meshd" ]; then
    echo "bench: $meshd is not built: make build" >&2
    exit 2
fi

results=$(mktemp --suffix=.jsonl)
trap 'rm -f "$results"' EXIT
MESHD_BIN=$(realpath "$meshd") python3 "$bench/s3bench.py" run \
    --systems m1=meshd:nodes=1,replication=1,port=22000 sw1=seaweedfs:nodes=1,replication=1,port=21000 nginx \
    --ops PUT,GET,HEAD,LIST,DELETE --sizes 1k,64k,1m,16m --reps 5 --dur 3 --max-other 0.3 --retry 2 \
    --out "$results" "${rest[@]}"
python3 "$bench/s3bench.py" report "$results" --pair m1 sw1
python3 "$bench/s3bench.py" report "$results" --pair m1 nginx | sed -n '/^Ratios/,$p'
