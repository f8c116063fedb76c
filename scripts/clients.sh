#!/usr/bin/env bash
# Runs the matrix of real S3 clients against a node of its own and holds it to what the S3 page of the docs promises:
# every row green, but for those that are refused by name with 501.
#
#   scripts/clients.sh [--meshd PATH] [--matrix FILE] [--tls] [--mesh] [matrix options, such as --tier 1]
#
# With --tls the node speaks TLS with a certificate made for the run: SDKs then use other signature modes. With --mesh
# there are three nodes, one of which is killed before the clients come; they talk to one that joined.
set -euo pipefail
cd "$(dirname "$0")/.."

meshd=.build/release/meshd
matrix=../shared/clients/client_matrix.py
scheme=http
nodes=1
rest=()
while [ $# -gt 0 ]; do
    case $1 in
    --meshd) meshd=$2; shift 2 ;;
    --matrix) matrix=$2; shift 2 ;;
    --tls) scheme=https; shift ;;
    --mesh) nodes=3; shift ;;
    *) rest+=("$1"); shift ;;
    esac
done
if [ ! -f "$matrix" ]; then
    echo "clients: no matrix at $matrix; skipped"
    # The checks tell at their end what was left out.
    if [ -n "${MESHD_SKIPPED:-}" ]; then echo "clients: no matrix at $matrix" >>"$MESHD_SKIPPED"; fi
    exit 0
fi

scripts/client-tools.sh
venv=.venv-clients
export PATH="$PWD/$venv/bin:$PATH"

work=$(mktemp -d)
pids=()
finish() {
    local result=$?
    if [ "$result" -ne 0 ]; then tail -n 5 "$work"/n*.log >&2 || true; fi
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
    exit "$result"
}
trap finish EXIT

serve=()
if [ "$scheme" = https ]; then
    # An authority and a certificate that it signed: some clients refuse one that is both.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=clients authority" \
        -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
        -keyout "$work/node.key" -out "$work/node.csr" 2>/dev/null
    printf 'subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >"$work/node.ext"
    openssl x509 -req -in "$work/node.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
        -extfile "$work/node.ext" -out "$work/node.pem" 2>/dev/null
    serve=(--tls-certificate "$work/node.pem" --tls-key "$work/node.key")
    rest+=(--ca-bundle "$work/ca.pem")
fi

export MESHD_ROOT_ACCESS_KEY=clientsaccess MESHD_ROOT_SECRET_KEY=clientssecretclientssecret
# start NUMBER [ARGUMENT…]
start() {
    local name=n$1
    shift
    "$meshd" serve --data-dir "$work/$name" --name "$name" --s3-listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
        --mesh-listen 127.0.0.1:0 --lan-discovery off --domain localhost "${serve[@]}" "$@" >"$work/$name.log" 2>&1 &
    pids+=($!)
}

# until_true SECONDS COMMAND…
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "clients: in vain: $*"
            exit 1
        fi
        sleep 0.2
    done
}

start 1
until_true 30 test -f "$work/n1/endpoints.json"
if [ "$nodes" -gt 1 ]; then
    token=$("$meshd" token create --data-dir "$work/n1" --expires 1h 2>/dev/null)
    for number in $(seq 2 "$nodes"); do
        MESHD_ROOT_ACCESS_KEY='' MESHD_ROOT_SECRET_KEY='' start "$number" --join "$token"
    done
    all_hold() {
        "$meshd" layout --data-dir "$work/n1" --json | python3 -c '
import json, sys
layout = json.load(sys.stdin)["layout"]
holders = [line for line in layout["members"] if line["share"] > 0 and line["state"] == "active"]
sys.exit(layout["isChanging"] or len(holders) != int(sys.argv[1]))' "$nodes"
    }
    until_true 90 all_hold
    kill -9 "${pids[2]}"
    one_is_dead() { { "$meshd" status --data-dir "$work/n2" --json || true; } | grep -q '"code" : "holder-dead"'; }
    until_true 60 one_is_dead
    "$meshd" status --data-dir "$work/n2" | head -n 2 || true
fi
at=$((nodes > 1 ? 2 : 1))
port=$(python3 -c "import json; print(json.load(open('$work/n$at/endpoints.json'))['s3'].rpartition(':')[2])")

status=0
"$venv/bin/python" "$matrix" --endpoint "$scheme://localhost:$port" --access-key "$MESHD_ROOT_ACCESS_KEY" \
    --secret-key "$MESHD_ROOT_SECRET_KEY" --region us-east-1 --out "$work/rows.tsv" "${rest[@]}" >"$work/out" || status=$?
[ "$status" -le 1 ] || { cat "$work/out"; exit "$status"; }

# A failure counts unless the server refused by name: the message then holds 501 and NotImplemented.
python3 - "$work/rows.tsv" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1]), delimiter="\t", quoting=csv.QUOTE_NONE))
count = {"pass": 0, "fail": 0, "skip": 0}
refused = []
for row in rows:
    result = row["result"]
    if result == "fail" and "NotImplemented" in row["message"]:
        refused.append(row)
        continue
    count[result] = count.get(result, 0) + 1
    if result == "fail":
        print("FAILED", row["client"], row["operation"], row["message"], sep=" | ")
for row in refused:
    print("refused by name:", row["client"], "|", row["operation"])
print(f"{count['pass']} passed, {count['fail']} failed, {count['skip']} skipped")
sys.exit(1 if count["fail"] or not count["pass"] else 0)
PY
