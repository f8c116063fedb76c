#!/usr/bin/env bash
# The admin API of one node against docs/openapi.yaml: schemathesis from PyPI makes up calls, good and broken ones, and
# compares the answers. Once with a seed that is always the same, once with another one, and once more with that as the
# admin of a tenant, in a session. What would end the only node, and what is about other nodes, is left out.
# MESHD names another program than the release build, SEED another seed than a random one for the later walks, EXAMPLES
# how many calls of each kind are made up.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ]; then
    scripts/release.sh --product meshd
    MESHD=.build/release/meshd
fi
venv=.venv-api
# Schemathesis, installed where it is missing.
walker() {
    if "$venv/bin/st" --version >/dev/null 2>&1; then return 0; fi
    if ! python3 -m venv "$venv" 2>/dev/null; then
        local root=()
        [ "$(id -u)" -eq 0 ] || root=(sudo)
        "${root[@]}" apt-get update -qq || return 1
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null || return 1
        python3 -m venv "$venv" || return 1
    fi
    "$venv/bin/pip" -q install 'schemathesis>=4.32,<5' || return 1
}
if ! walker; then
    echo "description: schemathesis is not here and cannot be installed"
    if [ -n "${MESHD_SKIPPED:-}" ]; then echo "description: no schemathesis" >>"$MESHD_SKIPPED"; fi
    exit 0
fi

work=$(mktemp -d)
pid=
finish() {
    local result=$?
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    if [ "$result" -ne 0 ]; then tail -n 20 "$work/log" || true; fi
    rm -rf "$work"
    exit "$result"
}
trap finish EXIT

port=${PORT:-$((20000 + RANDOM % 1000 * 10))}
MESHD_ADMIN_TOKEN=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
export MESHD_ADMIN_TOKEN PYTHONDONTWRITEBYTECODE=1 TENANT= WALK=$work S3=127.0.0.1:$port
url=http://127.0.0.1:$((port + 1))
"$MESHD" serve --data-dir "$work/data" --name n1 --mesh-profile fast --lan-discovery off --s3-listen "$S3" \
    --admin-listen "127.0.0.1:$((port + 1))" --mesh-listen "127.0.0.1:$((port + 2))" >"$work/log" 2>&1 &
pid=$!
tries=0
until curl -sf "$url/health/ready" >/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 120 ] || { echo "description: the node does not come up"; exit 1; }
    sleep 0.5
done

# call METHOD PATH [BODY]: with the admin token; what is there already is no failure.
call() {
    curl -s -X "$1" -H "Authorization: Bearer $MESHD_ADMIN_TOKEN" -H 'Content-Type: application/json' \
        ${3:+-d "$3"} "$url/api/v1/$2"
}
value() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p' "$2"; }
ACCESS=$(value accessKey "$work/data/root-key.json")
SECRET=$(value secretKey "$work/data/root-key.json")
export ACCESS SECRET
# What every walk finds, however the one before it left things.
fill() {
    local bucket
    call POST tenants '{"name":"acme"}'
    call PATCH tenants/acme '{"disabled":false,"quota":{}}'
    for bucket in photos logs acme:photos acme:logs; do
        call POST buckets "$(sed 's/^\(.*\):\(.*\)$/{"name":"\2","tenant":"\1"}/; t; s/.*/{"name":"&"}/' <<<"$bucket")"
        call PUT "buckets/$bucket/quota" '{}'
        call PUT "buckets/$bucket/versioning" '{"versioning":"enabled"}'
        call PUT "buckets/$bucket/object?key=a.txt" one
        call PUT "buckets/$bucket/object?key=a.txt" two
    done
    call POST keys '{"id":"reader","secret":"reader-reader"}'
    call POST keys '{"id":"writer","secret":"writer-writer","tenant":"acme"}'
    call POST keys '{"id":"keeper","secret":"keeper-keeper","tenant":"acme","tenantAdmin":true}'
    call POST replication '{"bucket":"photos","targetBucket":"logs","endpoint":"http://'"$S3"'","unchecked":true,
        "accessKey":"'"$ACCESS"'","secretKey":"'"$SECRET"'"}'
} >/dev/null

left='/(mesh/(leave|decrees)|stream|cluster/(packages|activation|rehearsal|layout/recover)|consent|discovery)(/|$)'
# walk SEED PHASES OPTION…: who calls is said in walk.toml. What schemathesis keeps of a walk, it keeps where it stands.
walk() {
    local seed=$1 phases=$2 root=$PWD
    shift 2
    echo "description: seed $seed${TENANT:+, as the admin of a tenant}"
    fill
    : >"$work/calls"
    if ! (cd "$work" && SCHEMATHESIS_HOOKS="$root/scripts/describe-calls.py" timeout 240 "$root/$venv/bin/st" --no-color \
        --config-file walk.toml run "$root/docs/openapi.yaml" --url "$url" --seed "$seed" --phases "$phases" \
        --max-examples "${EXAMPLES:-8}" --exclude-path-regex "$left" --continue-on-failure --no-shrink \
        --generation-database none --warnings off --output-sanitize false --request-timeout 20 "$@") \
        >"$work/said" 2>&1; then
        cat "$work/said"
        echo "description: seed $seed fails${TENANT:+ as the admin of a tenant}"
        failed=1
    fi
    done=$(awk '$1 < 300 { print $2 }' "$work/calls" | sort -u | wc -l)
    echo "description: $(wc -l <"$work/calls") answers; $done kinds of calls did what they are for"
}

failed=
fill
# Before the walks: they sign in with wrong secrets, after which everybody at this address has to wait.
curl -s -c "$work/cookies" -H 'Content-Type: application/json' \
    -d '{"accessKey":"keeper","secretKey":"keeper-keeper"}' "$url/api/v1/session" >"$work/session"
cookie=$(awk '$6 ~ /^meshd-/ { print $6 "=" $7 }' "$work/cookies")
mark=$(value changeMark "$work/session")
[ -n "$cookie" ] && [ -n "$mark" ] || { echo "description: the admin of a tenant cannot sign in"; exit 1; }

other=${SEED:-$((RANDOM * 32768 + RANDOM))}
printf 'headers = { Authorization = "Bearer %s" }\n' "$MESHD_ADMIN_TOKEN" >"$work/walk.toml"
checks=named_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
walk 42 coverage,fuzzing --checks "$checks,ignored_auth"
# Calls that all fail for one reason would prove nothing.
[ "$done" -ge 60 ] || { echo "description: too few calls did what they are for"; failed=1; }
walk "$other" fuzzing --checks "$checks"
printf 'headers = { Cookie = "%s", X-Meshd-Change = "%s" }\n[generation]\nwith-security-parameters = false\n' \
    "$cookie" "$mark" >"$work/walk.toml"
TENANT=acme walk "$other" fuzzing --checks "$checks" \
    --include-path-regex '^/api/v1/(session|buckets|keys|tenants|replication|events)(/|$)'
curl -sf "$url/health/ready" >/dev/null || { echo "description: the node does not serve any more"; failed=1; }
[ -z "$failed" ]
