#!/usr/bin/env python3
"""Shows the console of a mesh of 100 nodes, which is not there.

Signs in to a real mesh, takes what its admin API answers, and shows the console the same answers as a mesh of 100 nodes
in 6 zones would give them: some suspect, dead or draining, data on the move, 200 buckets, 3 tenants, rules, events. It
opens every page and the larger dialogs wide and narrow. Exits with 0 when nothing is wider than the page, no words of
the ring lie on others, every page draws well within a second, and the browser complained of nothing. It changes
nothing: orders are not sent on.

    hundred-nodes.py --url http://127.0.0.1:9001 --access-key K --secret-key S [--pictures DIR] [--web DIR]

--web shows the files of this directory in place of those that the node serves, such as Sources/meshd/Console/Web.

Needs PyPI's playwright and Debian's chromium.
"""

import argparse
import copy
import json
import os
import random
import sys
import time
from urllib.parse import parse_qs, unquote, urlsplit

from playwright.sync_api import sync_playwright

NODES, BUCKETS, COPIES = 100, 200, 3
ZONES = ["berlin-1", "berlin-2", "cellar", "frankfurt", "lab", "zurich-basement-rack-3"]
LONG = "archive-of-the-institute-shelf-4.storage.berlin.example.com"
WORDS = ["photos", "backups", "logs-of-the-web-servers", "films", "measurements-of-the-second-campaign"]
TENANTS = ["acme", "globex", "institute-for-applied-botany"]
DEAD, SUSPECT, UNSTABLE, DRAINING, SILENT = {11, 47, 48}, {5, 30, 71, 72}, {90}, {22, 61}, {66}
WITNESS, OUTSIDE = 98, 99
OPENING_MAX_MILLIS, UPDATE_MAX_MILLIS = 1_000, 250
PICTURE_MAX = 2_400
TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}

# How long each drawing of what came took, the new places of all things among it. Who polls does so sooner.
MEASURE = """(() => {
  window.drawn = [];
  window.longest = 0;
  const later = window.setTimeout.bind(window);
  window.setTimeout = (act, millis) => later(act, Math.min(millis, 1000));
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (act) => request((now) => {
    const from = performance.now();
    act(now);
    document.documentElement.getBoundingClientRect();
    window.drawn.push(performance.now() - from);
  });
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
  }).observe({ entryTypes: ['longtask'] });
})()"""

# Words of the ring that lie on each other, and things that are wider than what they are in.
OVERLAPS = """() => {
  const words = [...document.querySelectorAll('svg.ring text')]
    .map((text) => [text.textContent, text.getBoundingClientRect()]);
  return words.flatMap(([one, a], index) => words.slice(index + 1).filter(([, b]) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
    .map(([other]) => `${one} lies on ${other}`));
}"""
WIDE = """() => [...document.querySelectorAll(document.querySelector('dialog') ? 'dialog' : '.scroll, .card')]
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .map((box) => `${box.className || box.tagName} by ${box.scrollWidth - box.clientWidth} px`)"""


class Mesh:
    """The answers of a mesh of many nodes, made of the answers of a few."""

    def __init__(self, real):
        self.random = random.Random(NODES)
        self.now = int(time.time() * 1_000)
        self.real = real
        self.nodes = [self.node(number) for number in range(NODES)]
        self.place()
        self.names = [node["name"] for node in self.nodes]
        self.wait()

    def among(self, numbers):
        return [self.nodes[number]["name"] for number in sorted(numbers)]

    def node(self, number):
        some = self.random
        answering = [node for node in self.real["cluster/nodes"]["nodes"] if node.get("condition")]
        node = copy.deepcopy(answering[number % len(answering)])
        zone = ZONES[number % len(ZONES)]
        capacity = some.choice([1, 2, 4, 8, 8, 16]) << 40
        free = int(capacity * some.choice([0.03, 0.12, 0.3, 0.45, 0.5, 0.55, 0.6, 0.8]))
        name = LONG if number == 40 else f"n{number}" if number % 9 == 0 else f"{zone.split('-')[0]}-{number:03}"
        state = next((word for word, those in [("dead", DEAD), ("suspect", SUSPECT), ("unstable", UNSTABLE)]
                      if number in those), "alive")
        address = f"10.{ZONES.index(zone)}.{number // 16}.{number}"
        node |= {"id": f"{some.getrandbits(128):032x}", "name": name, "zone": zone, "state": state,
                 "role": "draining" if number in DRAINING else "outside" if number == OUTSIDE else "holder",
                 "weight": 0 if number in DRAINING | {WITNESS, OUTSIDE} else capacity >> 30,
                 "sinceMillis": self.now - some.randrange(20_000, 9_000_000_000),
                 "capacityBytes": capacity, "freeBytes": free, "version": "0.1.0" if number % 4 else "0.2.0-beta.3",
                 "address": f"{address}:9002", "s3": f"{address}:9000", "admin": f"{address}:9001"}
        if number % 7 == 0:
            node["metadata"] = {"rack": str(number % 5), "owner": "Ada Lovelace", "bought": "2024-03-01"}
        if number in DEAD | SILENT:
            node.pop("condition", None)
        else:
            node["condition"] |= {"id": node["id"], "name": name, "capacityBytes": capacity, "freeBytes": free,
                                  "isReadOnly": free < capacity * 0.05, "version": node["version"],
                                  "logicalBytes": capacity - free, "versions": some.randrange(90_000, 40_000_000)}
            node["condition"]["traffic"] |= {"requests": some.randrange(1_000_000), "failures": some.randrange(9)}
        return node

    def place(self):
        """Shares that add up to the copies, now and when nothing moves any more."""
        before = {id(node): node["weight"] or (2_048 if node["role"] == "draining" else 0) for node in self.nodes}
        for field, weight in [("share", lambda node: before[id(node)]), ("nextShare", lambda node: node["weight"])]:
            total = sum(weight(node) for node in self.nodes)
            for node in self.nodes:
                node[field] = COPIES * weight(node) / total
        assert all(abs(sum(node[field] for node in self.nodes) - COPIES) < 1e-9 for field in ["share", "nextShare"])

    def wait(self):
        """What waits for those who are away, and what came so far of what moves."""
        self.arrivals = []
        for number, node in enumerate(self.nodes):
            if not node.get("condition"):
                continue
            repair = node["condition"]["repair"] = copy.deepcopy(node["condition"]["repair"])
            others = [self.nodes[other] for other in self.random.sample(range(NODES), 2)]
            repair["comparisons"] = [
                {"atMillis": self.now - self.random.randrange(900_000), "bytes": self.random.randrange(9_000_000),
                 "leavesDifferent": number % 3, "name": other["name"], "peer": other["id"], "rowsPulled": number,
                 "rowsPushed": number % 5, **({"failure": "the other side did not answer"} if number == 8 else {})}
                for other in others]
            if number % 6 == 0:
                away = self.nodes[sorted(DEAD | SUSPECT)[number % 7]]
                repair["hints"] = [{"name": away["name"], "peer": away["id"], "objects": 37 * number + 4,
                                    "bytes": 1 << 20}]
            repair["isPaused"] = number % 2 == 0
            repair["wanted"] = 12 if number == 33 else 0
            repair["counters"] |= {"rows_pulled": 4_711 * number, "comparisons": 90 + number}
            if number % 3 == 1:
                all_bytes = 1 << 38
                movement = repair["movement"] | {
                    "bytes": all_bytes * number // NODES, "bytesExpected": all_bytes, "isDone": number > 80,
                    "partitions": 40,
                    "sentence": f"{number * 40 // NODES} of 40 shares are here, {1_000 * number:,} objects came, "
                                "about 3 h left"}
                self.arrivals.append({"name": node["name"], "movement": movement})

    def status(self):
        dead, suspect = self.among(DEAD), self.among(SUSPECT)
        paused = self.names[::2]
        some = f"{', '.join(paused[:6])} and {len(paused) - 6} more"
        less = "is dead for 14 min: 96 of 1,024 partitions have a copy less"
        found = [("holder-dead", "warning", [name], f"{name} {less}",
                  f"`meshd node replace {name}` when it does not come back") for name in dead]
        found += [("repair-paused", "warning", paused, f"repair is paused on {some}", "`meshd repair resume`")]
        found += [("holder-suspect", "note", [name], f"{name} does not answer for 3 s", "") for name in suspect]
        found += [("hints", "note", [name], f"2,345 objects wait for {name}", "") for name in dead + suspect]
        found += [("silent", "note", [name], f"{name} lives but does not say how it is", f"`meshd probe {name}`")
                  for name in self.among(SILENT)]
        found += [("draining", "note", [name], f"{name} is being emptied", f"`meshd node resume {name}`")
                  for name in self.among(DRAINING)]
        found += [("movement", "note", [], f"{self.nodes[22]['name']} is drained: 43 %", "")]
        disks = [node["name"] for node in self.nodes if node["freeBytes"] < 0.15 * node["capacityBytes"]]
        reasons = [{"text": finding[3], "costs": 0.02, "advice": finding[4]} for finding in found]
        reasons += [{"text": f"the disk of {name} is full but for 12 %", "costs": 0.01,
                     "advice": "add a node or a larger disk, or delete what nobody needs"} for name in disks]
        keys = ["code", "severity", "nodes", "message", "advice"]
        return self.real["cluster/status"] | {
            "findings": [dict(zip(keys, finding)) for finding in found], "health": "degraded", "mode": "scaleout",
            "nodes": [{key: node[key] for key in ["id", "name", "s3", "state", "zone"]} for node in self.nodes],
            "score": {"value": 0.31, "reasons": reasons},
            "sentence": f"degraded: {found[0][3]}; everything is served, and {len(found)} more"}

    def members(self):
        real = self.real["mesh/members"]
        lines = []
        for number, node in enumerate(self.nodes):
            line = real["members"][min(number, 1)] | {key: node[key] for key in real["members"][0] if key in node}
            line |= {"phi": 9.4 if number in DEAD else 4.8 if number in SUSPECT else number % 10 / 10,
                     "rttMicros": 300 + 97 * number, "note": "its clock is 12 s ahead" if number == 17 else ""}
            lines.append(line)
        left = real["members"][1] | {"id": "f" * 32, "name": "old-one", "state": "left",
                                     "sinceMillis": self.now - 8_640_000}
        return real | {"members": [*lines, left], "agreeing": NODES - 5, "present": NODES - len(DEAD),
                       "seenFrom": self.names[0], "seenFromID": self.nodes[0]["id"]}

    def layout(self):
        line = self.real["cluster/layout"]["layout"]["members"][0]
        members = [line | {key: node[key] for key in ["id", "name", "zone", "weight", "share", "nextShare"]}
                   | {"isVoter": number < 7} for number, node in enumerate(self.nodes) if node["role"] != "outside"]
        layout = self.real["cluster/layout"]["layout"] | {
            "members": members, "isChanging": True, "changingBuckets": 3, "epoch": 214, "voters": self.names[:7]}
        return {"layout": layout, "movement": {
            "what": f"{self.nodes[22]['name']} and {self.nodes[61]['name']} are drained, {LONG} joins", "epoch": 214,
            "share": 0.43, "doneShares": 441, "allShares": 1_024, "doneBytes": 43 << 38, "allBytes": 100 << 38,
            "bytesPerSecond": 941 << 20, "secondsLeft": 14_300, "isPaused": False,
            "waitsFor": self.among(DEAD), "nodes": self.arrivals}}

    def buckets(self):
        buckets = []
        for number in range(BUCKETS):
            tenant = TENANTS[number % 3] if number % 5 == 0 else None
            name = f"{tenant}:" * bool(tenant) + f"{WORDS[number % len(WORDS)]}-{number:03}"
            bucket = {"name": name, "versioning": ["off", "enabled"][number % 2],
                      "created": "2026-03-14T15:09:26Z", "copies": COPIES, "copiesHeld": COPIES - (number == 7),
                      "usage": {"objects": 977 * number, "bytes": number ** 4 << 10, "complete": number % 11 != 0}}
            if tenant:
                bucket["tenant"] = tenant
            if number % 8 == 0:
                bucket["quota"] = {"bytes": max(1 << 30, int((number ** 4 << 10) * 1.05)),
                                   "objects": 977 * (number + 9)}
            if number % 12 == 1:
                bucket["place"] = {"zones": ZONES[:1 + number % 6]}
            if number % 12 == 2:
                bucket["place"] = {"nodes": self.names[number % 40:number % 40 + 1 + number % 30]}
            if number in {1, 2, 14}:
                bucket["moving"] = True
            buckets.append(bucket)
        return {"buckets": buckets}

    def objects(self):
        return {"folders": [f"2026-{month:02}/" for month in range(1, 13)], "next": "more", "objects": [
            {"key": "a-rather-long-name-of-a-picture-" * (number % 9 // 8 * 4) + f"IMG_{number:04}.jpeg",
             "etag": "0" * 32, "size": 77_777 * number, "millis": self.now - number * 7_777_777}
             for number in range(188)]}

    def tenants(self):
        return {"tenants": [{
            "name": name, "created": "2026-02-01T10:00:00Z", "disabled": number == 1,
            "quota": {"bytes": 5 << 40, "objects": 9_000_000, "buckets": 50, "keys": 20} if number else None,
            "usage": {"buckets": 13 + number, "keys": 4, "objects": 8_500_000, "bytes": 3 << 40,
                      "complete": number != 2}}
            for number, name in enumerate(TENANTS)]}

    def keys(self):
        key = self.real["keys"]["keys"][0]
        made = [key | {"id": f"MK{self.random.getrandbits(64):016X}", "admin": False,
                       "role": ["none", "viewer", "operator"][number % 3],
                       "grants": [{"bucket": f"{word}-{number:03}", "rights": ["read", "write"]} for word in
                                  ["photos", "backups", "measurements-of-the-second-campaign"][:number % 4]]}
                for number in range(40)]
        for number, tenant in enumerate(TENANTS):
            made[number * 5] |= {"tenant": tenant, "tenantAdmin": True, "role": "none", "grants": []}
        return {"keys": [key, *made]}

    def rules(self):
        states = ["caught-up", "working", "failing", "paused", "waiting"]
        return {"rules": [{
            "id": f"{number:08x}", "created": "2026-05-05T05:05:05Z", "bucket": bucket["name"],
            "prefix": "2026/" * (number % 2), "endpoint": "https://s3.eu-central-1.example.com:9000",
            "region": "eu-central-1", "targetBucket": "copies-of-all", "targetPrefix": "",
            "accessKey": "AKIAIOSFODNN7EXAMPLE", "hasCertificate": False, "intervalSeconds": 0, "deletes": True,
            "metadata": True, "existing": True, "paused": number == 3, "state": states[number % 5],
            "sentence": "12,345 changes wait, the oldest for 4 min; 941 objects a minute go there", "queued": 12_345,
            "lagSeconds": 240, "troubles": number, "objectsSent": 8_123_456, "bytesSent": 3 << 41, "deletesSent": 77,
            "skipped": 12, "failures": 3, "lastSent": "2026-11-20T10:00:00Z", "unanswered": self.among(DEAD | SILENT),
            "nodes": [{"name": name, "queued": 123, "objectsSent": 81_234, "bytesSent": 3 << 35, "deletesSent": 1,
                       "skipped": 0, "failures": 0} for name in self.names]}
            for number, bucket in enumerate(self.buckets()["buckets"][1:8])]}

    def events(self, before):
        kinds = [("member", "warning", "{} is suspected: no word for 2.1 s, phi 4.8"),
                 ("member", "error", "{} is dead"),
                 ("layout", "note", "data moves: 2,048 copies of partitions, epoch 214"),
                 ("repair", "note", "{} was compared"),
                 ("audit", "note", "the admin token changes the weight of {}"),
                 ("disk", "warning", "{} has 3 % of its disk left")]
        first = int(before.split("-")[0]) if before else self.now
        events = []
        for place in range(100):
            kind, severity, text = kinds[place * place % len(kinds)]
            node = self.nodes[place * 37 % NODES]
            events.append({"kind": kind, "severity": severity, "message": text.format(node["name"]),
                           "node": self.names[place * 7 % NODES], "nodeID": self.nodes[place * 7 % NODES]["id"],
                           "millis": first - 4_321 * (place + 1), "sequence": place})
        return {"events": events, "next": f"{events[-1]['millis']}-{'0' * 32}-1", "of": self.names, "suppressed": 0,
                "silent": self.among(DEAD | SILENT)}

    def past(self):
        return {"of": self.names, "seconds": 10, "silent": self.among(DEAD | SILENT), "points": [
            {"millis": self.now - 10_000 * (360 - place), "requests": 90_000 + 5_000 * (place % 17),
             "failures": place % 40 // 39 * 50, "receivedBytes": 7 << 30, "sentBytes": (5 + place % 7) << 30,
             "freeBytes": 1 << 50, "hints": 9,
             "p50Micros": 2_100, "p99Micros": 31_000 + 900 * (place % 13)} for place in range(360)]}

    def why(self, name):
        real = self.real["mesh/why/" + self.real["cluster/nodes"]["nodes"][1]["name"]]
        entries = [{"atMillis": self.now - 60_000 * step, "what": what, "phi": 4.8,
                    "by": self.names[step:step + 3 * (step % 3)]}
                   for step, what in enumerate(["became alive", "was suspected", "was confirmed", "became dead"] * 6)]
        return real | {"subject": name, "entries": entries, "phi": 4.8,
                       "evidence": [{"name": witness, "phi": 5.1} for witness in self.names[3:90:6]]}

    def where(self, bucket, key):
        holders = [{"id": node["id"], "name": node["name"], "zone": node["zone"], "hintsFor": [], "rows": [
            {"stamp": "1", "kind": "object", "size": 77_777, "hasBytes": True, "millis": self.now}]}
            for node in self.nodes[40:43]]
        return {"bucket": bucket, "key": key, "partition": 612, "newest": "1", "whole": 3, "holders": holders,
                "sentence": "the newest row: 3 of 3 holders have it and its bytes"}

    def doctor(self):
        real = self.real["mesh/doctor/all"]["nodes"][0]
        wrong = {"check": "clock", "status": "warning", "message": "its clock is 12 s ahead of most"}
        return {"nodes": [
            {"node": node["name"], "diagnoses": [], "silence": "it does not answer"} if number in DEAD
            else real | {"node": node["name"],
                         "diagnoses": [*([wrong] if number % 20 == 17 else []), *real["diagnoses"]]}
            for number, node in enumerate(self.nodes)]}

    def newcomers(self):
        return {"nodes": [{
            "id": f"{number:032x}", "name": f"new-{number:02}", "version": "0.1.0", "fits": number != 4,
            "address": f"10.9.0.{number}:9001", "mesh": f"10.9.0.{number}:9002", "freeBytes": number << 38,
            "capacityBytes": number << 39, "memoryBytes": 16 << 30, "latencyMicros": 900,
            "awaitsCode": number not in {4, 5},
            **({"reason": "it holds objects of a mesh of its own"} if number in {4, 5} else {})}
            for number in range(1, 31)]}

    def preview(self):
        """What an order would do, with a line for each of many pairs."""
        moves = [{"from": self.names[22], "to": name, "objects": 12_345, "bytes": 9 << 30}
                 for name in self.names[23:99]]
        return {"message": f"{sum(move['objects'] for move in moves):,} objects would move, 684 GiB, in about 4 h",
                "moves": moves, "losses": [], "epoch": 214,
                "warnings": [f"{', '.join(self.among(DEAD))} do not answer: it waits for them"]}

    def answer(self, path, query):
        """What the call answers; nothing where the real mesh shall."""
        parts = path.split("/")
        ask = {name: values[0] for name, values in parse_qs(query).items()}
        if path.startswith("mesh/why/"):
            return self.why(unquote(parts[2]))
        if parts[0] == "buckets" and parts[-1] == "objects":
            return self.objects()
        return {
            "cluster/status": self.status, "cluster/nodes": lambda: {"epoch": 214, "nodes": self.nodes},
            "mesh/members": self.members, "cluster/layout": self.layout, "buckets": self.buckets,
            "tenants": self.tenants,
            "keys": self.keys, "replication": self.rules, "events": lambda: self.events(ask.get("before")),
            "metrics/history": self.past, "mesh/doctor/all": self.doctor, "discovery": self.newcomers,
            "cluster/where": lambda: self.where(ask["bucket"], ask["key"]),
        }.get(path, lambda: None)()

    def stream(self):
        """One word on each part; then the page has to ask."""
        marks = {"nodes": [{"node": node["name"], "newest": f"{self.now}-{node['id']}-1"} for node in self.nodes]}
        parts = {"status": self.status(), "nodes": {"epoch": 214, "nodes": self.nodes}, "members": self.members(),
                 "layout": self.layout(), "events": marks, "full": {}}
        return "".join(f"event: {name}\ndata: {json.dumps(value)}\n\n" for name, value in parts.items())


def real_answers(context, api):
    found = {}

    def take(path):
        found[path] = context.request.get(api + path).json()["data"]

    for path in ["cluster/status", "cluster/nodes", "mesh/members", "cluster/layout", "keys", "mesh/doctor/all"]:
        take(path)
    take("mesh/why/" + found["cluster/nodes"]["nodes"][1]["name"])
    return found


def simulate(context, mesh, web):
    def api(route):
        url = urlsplit(route.request.url)
        path = url.path.removeprefix("/api/v1/")
        if path == "stream":
            return route.fulfill(body=mesh.stream(), content_type="text/event-stream")
        if "dry-run" in url.query:
            return route.fulfill(json={"success": True, "data": mesh.preview()})
        if route.request.method != "GET":
            refusal = {"code": "not_now", "message": "this mesh is not there"}
            return route.fulfill(status=409, json={"success": False, "error": refusal})
        answer = mesh.answer(path, url.query)
        if answer is None:
            return route.continue_()
        return route.fulfill(json={"success": True, "data": answer})

    def file(route):
        name = os.path.basename(urlsplit(route.request.url).path) or "index.html"
        with open(os.path.join(web, name), "rb") as found:
            kind = TYPES.get(name.split(".")[-1], "text/html")
            route.fulfill(body=found.read(), content_type=f"{kind}; charset=utf-8")

    context.route("**/api/v1/**", api)
    if web:
        context.route("**/console/**", file)


class Visit:
    """One look at all pages, at one width."""

    def __init__(self, page, base, look, pictures, mesh):
        self.page, self.base, self.look, self.pictures, self.mesh = page, base, look, pictures, mesh
        self.faults = []

    def look_at(self, name, whole=True):
        page = self.page
        width = page.viewport_size["width"]
        if self.pictures:
            # A picture of a dialog is what fits on the screen, one of a page the upper part of it.
            tall = page.evaluate("document.documentElement.scrollHeight")
            part = {"x": 0, "y": 0, "width": width, "height": min(tall, PICTURE_MAX)} if whole else None
            page.screenshot(path=os.path.join(self.pictures, f"{name}-{self.look}.png"), full_page=whole, clip=part)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            self.faults.append(f"{name} is too wide at {width}")
        self.faults += [f"{name} at {width}: {text}" for text in page.evaluate(WIDE)]
        self.faults += [f"{name} at {width}: {text}" for text in page.evaluate(OVERLAPS)]

    def open(self, path, ready, name=None):
        page = self.page
        page.goto("about:blank")
        page.goto(f"{self.base}#/{path}")
        page.wait_for_selector(ready)
        # One update after the first drawing.
        page.evaluate("window.drawn.length = 0")
        while page.evaluate("window.drawn.length") == 0:
            page.wait_for_timeout(200)
        name = name or path.split("/")[0].split("?")[0]
        drawn, longest = page.evaluate("[Math.max(...window.drawn), window.longest]")
        size = page.evaluate("document.getElementsByTagName('*').length")
        slowest = f"{longest:.0f} ms" if longest else "under 50 ms"
        told = f"{size:5} elements, the longest task {slowest:11}  an update {drawn:.0f} ms"
        print(f"{name:15} {self.look:12} {told}", flush=True)
        if longest > OPENING_MAX_MILLIS or drawn > UPDATE_MAX_MILLIS:
            self.faults.append(f"{name} draws for {longest:.0f} ms, and for {drawn:.0f} ms when something came")
        self.look_at(name)

    def unfold(self, name):
        """What is behind a word fits, too."""
        self.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        self.look_at(name)

    def dialog(self, name, *clicks):
        page = self.page
        for click in clicks:
            page.click(click)
        page.wait_for_selector("dialog")
        self.look_at(name, whole=False)
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")

    def some(self):
        for path, ready in [("dashboard", ".chart path.line"), ("ring", ".arc"), ("nodes", "tbody tr"),
                            ("movements", ".bars li")]:
            self.open(path, ready)

    def pages(self):
        page, mesh = self.page, self.mesh
        self.open("dashboard", ".chart path.line")
        self.unfold("dashboard-all")
        self.open("ring", ".arc")
        self.open(f"ring/{mesh.names[11]}", ".entries li", "ring-dossier")
        self.open("ring?object=backups-001/IMG_0001.jpeg", ".arc.lit", "ring-object")
        self.open("nodes", "tbody tr")
        orders = f'[aria-label="Orders for {LONG}"]'
        self.dialog("orders", orders)
        self.dialog("orders-label", orders, 'dialog >> button:text-is("Name and notes")')
        self.dialog("orders-weight", orders, 'dialog >> button:has-text("Weight and zone")')
        self.dialog("orders-drain", orders, 'dialog >> button:text-is("Drain")')
        self.dialog("package", 'button:text-is("Node package")')
        self.dialog("token", 'button:text-is("Join token")')
        self.open("storage", "tbody tr")
        self.dialog("bucket-new", 'button:text-is("New bucket")')
        self.open("storage/backups-001", "#move", "storage-bucket")
        page.click("#move")
        page.check("[name=place][value=nodes]")
        self.look_at("storage-move")
        self.open("objects/backups-001", "tbody tr")
        self.open("keys", "tbody tr")
        self.dialog("key-new", 'button:text-is("New key")')
        self.open("tenants", "tbody tr")
        self.open("movements", ".bars li")
        self.unfold("movements-all")
        self.open("events", "tbody tr")
        self.open("tests", "h1")
        self.dialog("tests-plug", 'button:text-is("Pull the plug…")')
        page.click('button:text-is("Check now")')
        page.wait_for_selector("summary >> text=found nothing wrong")
        self.look_at("tests-check")
        self.unfold("tests-check-all")
        self.wizard()

    def wizard(self):
        page = self.page
        self.open("mesh", ".mode", "wizard-1-mode")
        page.check(".mode >> nth=0 >> input")
        self.look_at("wizard-shrink")
        page.check(".mode >> nth=2 >> input")
        page.click('button:text-is("Next")')
        page.wait_for_selector(".newcomer")
        for name in ["new-01", "new-02"]:
            page.check(f'.newcomer:has-text("{name}") >> input[type=checkbox]')
            page.fill(f"[name=code-{name}]", "12345678")
        self.look_at("wizard-2-nodes")
        page.click('button:text-is("Next")')
        page.wait_for_selector("text=Zone of new-01")
        self.look_at("wizard-3-places")
        page.click('button:text-is("Next")')
        page.wait_for_selector("text=What will happen")
        self.look_at("wizard-4-review")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--pictures", help="where screenshots go")
    parser.add_argument("--web", help="the console's files that are shown")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    args = parser.parse_args()
    url = args.url.rstrip("/")
    if args.pictures:
        os.makedirs(args.pictures, exist_ok=True)
    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
        looks = [("wide", 1280, 900, "light"), ("narrow", 390, 844, "light"), ("wide-dark", 1280, 900, "dark"),
                 ("narrow-dark", 390, 844, "dark")]
        for look, width, height, scheme in looks:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            credentials = {"accessKey": args.access_key, "secretKey": args.secret_key}
            answer = context.request.post(f"{url}/api/v1/session", data=credentials)
            assert answer.ok, f"signing in: {answer.text()}"
            mesh = Mesh(real_answers(context, f"{url}/api/v1/"))
            simulate(context, mesh, args.web)
            context.add_init_script(MEASURE)
            page = context.new_page()
            page.on("console", lambda message: faults.append(f"the browser says: {message.text}")
                    if message.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: faults.append(f"the browser says: {error}"))
            visit = Visit(page, f"{url}/console/", look, args.pictures, mesh)
            if scheme == "light":
                visit.pages()
            else:
                visit.some()
            faults += visit.faults
            context.unroute_all(behavior="ignoreErrors")
            context.close()
        browser.close()
    for fault in faults:
        print("hundred nodes:", fault, file=sys.stderr)
    print("hundred nodes: they can be read" if not faults else "hundred nodes: they cannot be read as they should")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
