#!/bin/sh
# Installs the node of this directory on this machine. Needs root; `README` says how it runs without.
set -e

here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" -ne 0 ]; then
    echo "install.sh: this needs root" >&2
    exit 1
fi
if [ -e /var/lib/meshd/mesh-state ]; then
    echo "install.sh: /var/lib/meshd belongs to a mesh already; its settings stay, the program is renewed"
fi
install -d -m 0755 /usr/lib/meshd /etc/meshd /etc/systemd/system /usr/share/doc/meshd
for file in "$here"/files/usr/lib/meshd/*; do
    # Under a new name first: a program that runs keeps its file.
    install -m 0755 "$file" "/usr/lib/meshd/.new"
    mv "/usr/lib/meshd/.new" "/usr/lib/meshd/$(basename "$file")"
done
ln -sf ../lib/meshd/meshd /usr/bin/meshd
if [ ! -e /etc/meshd/meshd.toml ]; then
    install -m 0644 "$here/files/etc/meshd/meshd.toml" /etc/meshd/meshd.toml
fi
install -m 0600 "$here/files/etc/meshd/join.env" /etc/meshd/join.env
install -m 0644 "$here/files/usr/lib/systemd/system/meshd.service" /etc/systemd/system/meshd.service
install -m 0644 "$here/README" /usr/share/doc/meshd/README
exec sh "$here/postinst" configure
