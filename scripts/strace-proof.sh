#!/usr/bin/env bash
# Shows from outside that an acknowledgement follows the sync that covers it: a node runs under strace, objects are
# put one at a time, and for each `HTTP/1.1 200` to a PUT the system calls before it, since the request came in, are
# looked through.
#
#   inline object: the write-ahead log of the index was written, then synced, then the answer was sent
#   larger object: a segment was written and synced, then the log was written and synced, then the answer was sent
#
#   scripts/strace-proof.sh [MESHD]
set -euo pipefail
cd "$(dirname "$0")/.."
meshd=${1:-.build/release/meshd}
missing=()
for tool in strace curl python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ "${#missing[@]}" -gt 0 ]; then
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi

work=$(mktemp -d)
node=
finish() {
    if [ -n "$node" ]; then kill "$node" 2>/dev/null || true; wait "$node" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

export MESHD_ROOT_ACCESS_KEY=proofaccess MESHD_ROOT_SECRET_KEY=proofsecretproofsecret
strace -f -y -qq -s 24 -o "$work/trace" \
    -e trace=write,writev,pwrite64,pwritev,pwritev2,fdatasync,fsync,sync_file_range,read,recvfrom,sendmsg,sendto \
    "$meshd" serve --data-dir "$work/data" --s3-listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
    --mesh-listen 127.0.0.1:0 >"$work/log" 2>&1 &
node=$!
for _ in $(seq 1200); do
    [ -f "$work/data/endpoints.json" ] && break
    sleep 0.1
done
endpoint=http://$(python3 -c "import json; print(json.load(open('$work/data/endpoints.json'))['s3'])")

put() {
    curl -sS -f -o /dev/null --aws-sigv4 aws:amz:us-east-1:s3 \
        --user "$MESHD_ROOT_ACCESS_KEY:$MESHD_ROOT_SECRET_KEY" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
}
put -X PUT "$endpoint/proof"
head -c 1024 /dev/urandom >"$work/small"
head -c 1048576 /dev/urandom >"$work/large"
for n in $(seq 20); do
    put -T "$work/small" "$endpoint/proof/small$n"
    put -T "$work/large" "$endpoint/proof/large$n"
done
pid=$(python3 -c "import json; print(json.load(open('$work/data/endpoints.json'))['pid'])")
kill "$pid"
wait "$node" 2>/dev/null || true
node=

python3 - "$work/trace" <<'PY'
import re, sys

# The end of a call is what counts: "<unfinished ...>" is dropped, "resumed" lines carry the result.
pending, kind = {}, None
events = []
for line in open(sys.argv[1], errors="replace"):
    found = re.match(r"(\d+)\s+(.*)", line)
    if not found:
        continue
    thread, text = found.groups()
    if "<unfinished" in text:
        pending[thread] = text.split("<unfinished")[0]
        # A sync protects only what was written before it began, an answer is out when its call begins.
        if text.startswith(("write(", "writev(", "sendmsg(", "sendto(")) and "HTTP/1.1 " in text:
            events.append(text)
        continue
    if "resumed>" in text:
        head = pending.pop(thread, "")
        if "HTTP/1.1 " in head:
            continue
        text = head + text.split("resumed>", 1)[1]
    events.append(text)

state = None
good = {"small": 0, "large": 0}
bad = []
for text in events:
    request = re.search(r'"PUT /proof/(small|large)(\d+)', text)
    if request:
        state = {"kind": request[1], "name": request[1] + request[2], "log": 0, "segment": 0}
        continue
    if state is None:
        continue
    if re.match(r"p?writev?(64|2)?\(", text):
        if "-wal>" in text:
            state["log"] = 1
        elif "/segments/" in text:
            state["segment"] = 1
        elif "HTTP/1.1 200" in text:
            fine = state["log"] == 2 and (state["kind"] == "small" or state["segment"] == 2)
            (good.__setitem__(state["kind"], good[state["kind"]] + 1) if fine else bad.append(state))
            state = None
    elif re.match(r"(fdatasync|fsync)\(", text) and text.rstrip().endswith("= 0"):
        if "-wal>" in text and state["log"] == 1:
            # The index may name only bytes that are already safe.
            if state["kind"] == "small" or state["segment"] == 2:
                state["log"] = 2
        elif "/segments/" in text and state["segment"] == 1:
            state["segment"] = 2
for state in bad:
    print("acknowledged too early:", state)
print(f"inline objects proven: {good['small']}, larger objects proven: {good['large']}")
total = good["small"] + good["large"]
print(f"{total} passed, {len(bad)} failed")
sys.exit(0 if total == 40 and not bad else 1)
PY
