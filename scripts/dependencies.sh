#!/usr/bin/env bash
# Installs the Debian packages that meshd is built from, and only those that are missing.
set -euo pipefail

packages=(libsodium-dev libssl-dev libsqlite3-dev libxxhash-dev libisal-dev pkg-config)
missing=()
for package in "${packages[@]}"; do
    if ! dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
        missing+=("$package")
    fi
done
if [ "${#missing[@]}" -eq 0 ]; then
    exit 0
fi

echo "installing ${missing[*]}"
root=()
if [ "$(id -u)" -ne 0 ]; then
    root=(sudo)
fi
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
