#!/usr/bin/env python3
"""Compares what a node's admin API answers with docs/openapi.yaml: every field is described, and every described one
that is required is there, with its type.

    scripts/check-answers.py http://127.0.0.1:9001 BUCKET KEY      (the token in MESHD_ADMIN_TOKEN)
"""
import json
import os
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
book = yaml.safe_load((Path(__file__).parent.parent / "docs/openapi.yaml").read_text())
faults = []
seen = set()


def follow(part):
    while "$ref" in part:
        node = book
        for step in part["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        if part["$ref"].startswith("#/components/schemas/"):
            seen.add(part["$ref"].rsplit("/", 1)[1])
        part = node
    return part


def compare(where, value, schema):
    schema = follow(schema)
    if value is None and schema.get("nullable"):
        return
    kind = schema.get("type")
    if not isinstance(value, KINDS[kind]) or (kind in ("integer", "number") and isinstance(value, bool)):
        faults.append(f"{where}: {json.dumps(value)[:60]} is no {kind}")
        return
    if "enum" in schema and value not in schema["enum"]:
        faults.append(f"{where}: {value} is not one of {schema['enum']}")
    if kind == "array":
        for index, item in enumerate(value):
            compare(f"{where}[{index}]", item, schema["items"])
    if kind == "object":
        fields, others = schema.get("properties", {}), schema.get("additionalProperties", False)
        for name in schema.get("required", []):
            if name not in value:
                faults.append(f"{where}: {name} is missing")
        for name, item in value.items():
            if name in fields:
                compare(f"{where}.{name}", item, fields[name])
            elif isinstance(others, dict):
                compare(f"{where}.{name}", item, others)
            else:
                faults.append(f"{where}: {name} is not described")


def ask(base, method, path, body=None):
    head = {"Authorization": "Bearer " + os.environ["MESHD_ADMIN_TOKEN"], "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, headers=head, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, json.load(answer)


def main(base, bucket, key):
    _, listed = ask(base, "GET", "/api/v1/cluster/nodes")
    names = {"node": listed["data"]["nodes"][0]["name"], "bucket": bucket}
    query = "?" + urllib.parse.urlencode({"bucket": bucket, "key": key})
    weight = {"weight": listed["data"]["nodes"][0]["weight"]}
    bodies = {"changeNode": weight, "limitRepair": {"bytesPerSecond": 0}, "setCopies": {"copies": 3}}
    count = 0
    for path, routes in book["paths"].items():
        if not path.startswith(("/api/v1/cluster/", "/api/v1/buckets")):
            continue
        for method, route in routes.items():
            if method == "parameters":
                continue
            name = route["operationId"]
            good = next((answer for code, answer in route["responses"].items() if code in ("200", "201")), {})
            if good.get("$ref", "").endswith("/Yes") or "application/json" not in follow(good).get("content", {}):
                continue
            orders = ["start", "pause", "resume"] if name == "orderRepair" else [""]
            # What changes who holds what is left alone; all orders have one form of answer.
            if method != "get" and name not in bodies and name not in ("orderRepair", "resumeNode"):
                continue
            for order in orders:
                real = path.replace("{order}", order)
                for mark, value in names.items():
                    real = real.replace("{" + mark + "}", urllib.parse.quote(value, safe=""))
                body = bodies.get(name, {}) if method != "get" else None
                status, answer = ask(base, method.upper(), real + (query if name == "where" else ""), body)
                response = follow(route["responses"][str(status)])
                compare(f"{method} {real}", answer, response["content"]["application/json"]["schema"])
                count += 1
    for fault in faults:
        print(fault)
    print(f"{count} answers compared, {len(faults)} faults, {len(seen)} schemas seen")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
