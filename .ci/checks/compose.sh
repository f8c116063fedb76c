#!/usr/bin/env bash
# The files of containers: YAML that a library reads, with every node in it, secrets that only their owner reads, and
# none of them anywhere else. MESHD names another program than the release build.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${MESHD:-}" ]; then
    scripts/release.sh --product meshd
    MESHD=.build/release/meshd
fi
if ! python3 -c 'import yaml' 2>/dev/null; then
    echo "compose: python3-yaml is not here"
    if [ -n "${MESHD_SKIPPED:-}" ]; then echo "compose: no python3-yaml" >>"$MESHD_SKIPPED"; fi
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$MESHD" compose --nodes 3 --out "$work/compose"
"$MESHD" compose --nodes 5 --swarm --no-image-files --out "$work/stack"
for template in development staging production; do
    "$MESHD" init --template "$template" --out "$work/$template.toml"
    "$MESHD" config --config "$work/$template.toml" >/dev/null
done
python3 - "$work" <<'PYTHON'
import stat, sys, tarfile
from pathlib import Path
import yaml

work = Path(sys.argv[1])
for folder, count in (("compose", 3), ("stack", 5)):
    text = (work / folder / "compose.yaml").read_text()
    book = yaml.safe_load(text)
    assert list(book["services"]) == [f"n{i}" for i in range(1, count + 1)], book["services"].keys()
    ports = set()
    for name, service in book["services"].items():
        assert service["volumes"] == [f"{name}:/data"] and service["networks"] == ["mesh"]
        assert set(service["secrets"]) <= set(book["secrets"])
        assert f"--name {name} " in service["command"][0]
        for port in service["ports"]:
            if isinstance(port, str):
                host = port.rsplit(":", 1)[0]
                assert host not in ports, host
                ports.add(host)
        assert ("deploy" in service) == (folder == "stack")
    for name, secret in book["secrets"].items():
        path = work / folder / secret["file"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        for line in path.read_text().split():
            assert line.split("=")[-1] not in text
with tarfile.open(work / "compose/image/meshd.tar.gz") as archive:
    assert "meshd/meshd" in archive.getnames()
print("compose: the files are as they should be")
PYTHON
