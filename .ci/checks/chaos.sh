#!/usr/bin/env bash
# Five real nodes, broken for five minutes under load: half of the time with a seed that is always the same, half with a
# new one, which is printed. MESHD and CHAOS name other programs than the release build's, MINUTES how long each half
# takes, SEED the second seed, FAULTS what is done to them: a soak takes all.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ] || [ -z "${CHAOS:-}" ]; then
    scripts/release.sh --product meshd
    scripts/release.sh --product chaos
    MESHD=.build/release/meshd
    CHAOS=.build/release/chaos
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Links are cut by root alone; without, what loopback allows.
usual=kill,restart,stop,blackout,powercut,isolate,oneway,lossy,partition
if [ "$(id -u)" -ne 0 ]; then usual=all; fi

# With the new seed buckets move meanwhile, and the traces of deletes are collected.
extras=
for seed in 42 "${SEED:-$((RANDOM * 32768 + RANDOM))}"; do
    echo "chaos: seed $seed"
    "$CHAOS" run --meshd "$MESHD" --nodes 5 --minutes "${MINUTES:-2.5}" --faults "${FAULTS:-$usual}" --rate 120 --seed "$seed" $extras \
        --dir "$work/nodes-$seed" --report "$work/report-$seed"
    rm -rf "$work/nodes-$seed"
    extras="--moves --collect"
done
