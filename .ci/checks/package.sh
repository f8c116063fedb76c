#!/usr/bin/env bash
# Node packages: Debian's own tools read one, its contents start where no library of Swift can be found, and the
# node joins by itself and stays when the token is over. MESHD names another program than the release build.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ]; then
    scripts/release.sh --product meshd
    MESHD=.build/release/meshd
fi
MESHD=$(realpath "$MESHD")

work=$(mktemp -d)
declare -A pids=()
finish() {
    local result=$? name
    for name in "${!pids[@]}"; do kill "${pids[$name]}" 2>/dev/null || true; done
    for name in "${!pids[@]}"; do wait "${pids[$name]}" 2>/dev/null || true; done
    if [ "$result" -ne 0 ]; then tail -n 5 "$work"/*.log || true; fi
    rm -rf "$work"
    exit "$result"
}
trap finish EXIT

# until_true SECONDS COMMAND…
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { echo "package: in vain: $*"; return 1; }
        sleep 0.3
    done
}

port=$((20000 + RANDOM % 10000))
ports() { echo --s3-listen "127.0.0.1:$(($1))" --admin-listen "127.0.0.1:$(($1 + 1))" --mesh-listen "127.0.0.1:$(($1 + 2))"; }
# shellcheck disable=SC2046
"$MESHD" serve --name n1 --data-dir "$work/n1" --lan-discovery off $(ports "$port") >"$work/n1.log" 2>&1 &
pids[n1]=$!
until_true 30 "$MESHD" members --data-dir "$work/n1"

# make FORMAT EXPIRES
make() {
    "$MESHD" package --name n2 --zone cellar --expires "$2" --format "$1" --data-dir "$work/n1" \
        --output "$work/n2.$1" >"$work/made" 2>&1
    [ "$(stat -c %a "$work/n2.$1")" = 600 ]
}
make tar.gz 1h
make sh 1h
make deb 1h
dpkg-deb -x "$work/n2.deb" "$work/deb"

mkdir "$work/home"
bare=()
if [ "$(id -u)" -eq 0 ]; then
    # A node needs no rights, as its unit gives it none.
    chmod 755 "$work" "$work/deb"
    chown 65534:65534 "$work/home"
    bare=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    # Swift's own directory is empty for it, as on a bare machine.
    if [ -d /opt/swift ] && unshare -m true 2>/dev/null; then
        bare=(unshare -m sh -c 'mount -t tmpfs none /opt/swift && exec "$@"' bare "${bare[@]}")
    fi
fi
run_n2() {
    # shellcheck disable=SC2046
    env -i PATH=/usr/bin:/bin $(cat "$work/deb/etc/meshd/join.env") "${bare[@]}" "$work/deb/usr/bin/meshd" serve \
        --config "$work/deb/etc/meshd/meshd.toml" --data-dir "$work/home/n2" --lan-discovery off $(ports "$port + 10") \
        >>"$work/n2.log" 2>&1 &
    pids[n2]=$!
}
alive() { "$MESHD" member n2 --data-dir "$work/n1" --json | grep -q '"state" : "alive"'; }
run_n2
until_true 30 alive
"$MESHD" member n2 --data-dir "$work/n1" --json | grep -q '"zone" : "cellar"'
kill "${pids[n2]}"
wait "${pids[n2]}"

dpkg-deb -I "$work/n2.deb" >"$work/control"
grep -q '^ Depends: libc6 (>= 2\..*libsodium23' "$work/control"
dpkg-deb -c "$work/n2.deb" >/dev/null
tar -xzf "$work/n2.tar.gz" -C "$work"
sh "$work/n2.sh" --unpack "$work/sh"
diff <(cd "$work/deb" && find . | sort) <(cd "$work/meshd-n2/files" && find . | sort)
diff -r --no-dereference "$work/meshd-n2/files/usr/lib" "$work/sh/meshd-n2/files/usr/lib"
cmp "$MESHD" "$work/deb/usr/lib/meshd/meshd"
# Nothing of Swift is beside the program: all of it is inside.
[ -z "$(find "$work/deb" -name '*.so*')" ]
[ "$(stat -c %a "$work/deb/etc/meshd/join.env")" = 600 ]
# No long-lived secret: neither the admin key nor the node's own, nor its admin token.
for secret in admin-key node-key admin-token; do
    if grep -rqF "$(tr -d '\n' <"$work/n1/$secret")" "$work/deb/etc" "$work/deb/usr/share" "$work/deb/usr/lib/systemd"; then
        echo "package: it holds $secret"
        exit 1
    fi
done

# A node that is in needs its token no more: it starts with one that is over.
token=$("$MESHD" token create --expires 1s --data-dir "$work/n1" 2>/dev/null)
sleep 1
echo "MESHD_JOIN=$token" >"$work/deb/etc/meshd/join.env"
run_n2
until_true 30 alive
echo "package: $(du -h "$work/n2.deb" | cut -f1), read by dpkg-deb; the node joined, and starts again when its token is over"
