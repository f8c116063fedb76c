"""What schemathesis is told beyond docs/openapi.yaml, for .ci/checks/description.sh: made-up names hit nothing, so most
are replaced by those of things that are there, and what could end the only node stays a dry run.

    SCHEMATHESIS_HOOKS=scripts/describe-calls.py st run …

WALK is a folder that gets a line in `calls` for every answer; S3 is where the node serves S3.
"""
import os
import re
import zlib
from pathlib import Path

import schemathesis

CALLS = (Path(os.environ["WALK"]) / "calls").open("a", buffering=1)
TENANT = os.environ.get("TENANT", "")
# Things that there are at the start or that are made on the way. Who is of a tenant does not say its name.
POOLS = {
    "bucket": ["photos", "logs", "spare"] if TENANT else ["photos", "logs", "spare", "acme:photos", "acme:logs"],
    "tenant": ["acme", "beta"],
    "id": ["reader", "writer", "spare"],
    "node": ["n1"],
    "a": ["n1"],
    "b": ["n1"],
    "to": ["n1"],
    "key": ["a.txt", "folder/b c.txt", "ä+%&.txt"],
    "file": ["console.js", "console.css"],
    "accessKey": [os.environ["ACCESS"]],
    "secretKey": [os.environ["SECRET"]],
    "rule": [],
}
# Bucket, key and version that go together.
VERSIONS = []
# Of what is deleted, something is to be left for the others.
RARE = {"deleteBucket", "deleteKey", "deleteTenant", "removeRule", "deleteObject"}
# Changes of the layout take a second each: so many may happen.
LAYOUTS = 2
layouts = 0
DRY = {"drainNode", "removeNode", "replaceNode", "forgetStore"}


def name_of(case):
    return case.operation.definition.raw.get("operationId", "")


def replace(case, part):
    """Which values are replaced, and by what, hangs on the values alone: a request that is sent again is the same."""
    if not isinstance(part, dict):
        return
    for name in list(part):
        pool = POOLS.get(name)
        if not pool or part[name] in pool:
            continue
        draw = zlib.crc32(repr((name_of(case), name, part[name])).encode())
        if draw % 8 < (2 if name_of(case) in RARE else 6):
            part[name] = pool[draw // 8 % len(pool)]


@schemathesis.hook
def before_call(context, case, kwargs):
    if name_of(case) != "setCopies" or layouts < LAYOUTS:
        replace(case, case.path_parameters)
    replace(case, case.query)
    if VERSIONS and "version" in (case.query or {}):
        draw = zlib.crc32(repr(case.query["version"]).encode())
        found = VERSIONS[::2] if name_of(case) == "deleteVersion" else VERSIONS
        if draw % 8 < 6:
            found = found[draw // 8 % len(found)]
            case.path_parameters["bucket"], case.query["key"], case.query["version"] = found
    body = case.body
    replace(case, body)
    called = name_of(case)
    if called in DRY:
        case.query = {"dry-run": "true"}
    if not isinstance(body, dict):
        return
    draw = zlib.crc32(repr(body).encode())
    # What is made is mostly one of the pools, so that it is found by the other calls.
    made = {"createBucket": ("name", ["photos", "logs", "spare"]), "createTenant": ("name", POOLS["tenant"]),
            "createKey": ("id", POOLS["id"])}
    if called in made and draw % 8 < 5:
        field, names = made[called]
        body[field] = names[draw // 8 % len(names)]
    # No rule sends anything to where somebody else may listen.
    if "endpoint" in body and called == "addRule":
        if draw % 8 < 5 or re.match(r"\s*https?:", str(body["endpoint"]), re.IGNORECASE):
            body["endpoint"] = "http://" + os.environ["S3"]


@schemathesis.hook
def after_call(context, case, response):
    global layouts
    called = name_of(case)
    layouts += called == "setCopies" and response.status_code == 200
    CALLS.write(f"{response.status_code} {called}\n")
    if response.status_code not in (200, 201) or called not in ("addRule", "listRules", "listVersions"):
        return
    data = response.json()["data"]
    if called == "addRule":
        POOLS["rule"].append(data["id"])
    elif called == "listRules":
        POOLS["rule"] = [one["id"] for one in data["rules"]] or POOLS["rule"]
    else:
        found = case.path_parameters["bucket"], case.query["key"]
        VERSIONS[:0] = [(*found, one["version"]) for one in data["versions"]]
        del VERSIONS[8:]


@schemathesis.check
def named_server_error(ctx, response, case):
    """A server error is one that the description names, for this call or for all."""
    code = str(response.status_code)
    if response.status_code < 500:
        return
    raw = case.operation.definition.raw
    said = case.operation.schema.raw_schema["info"]["description"] + raw.get("description", "")
    if code in ("501", "503", "507") and (code in raw["responses"] or re.search(rf"\b{code}\b", said)):
        return
    raise AssertionError(f"{code} is no answer that the description names: {response.text[:300]}")
