#!/usr/bin/env python3
"""Makes three nodes that are alone one mesh, through the browser only, the way a person would.

Signs in on the first, is sent away with a wrong code, loses a node on the way and sees everything go back, tries again and
succeeds; then uploads and downloads. Codes are read in the consoles of the new nodes. With --pictures it leaves
screenshots of every step, wide and narrow. Exits with 0 when everything was as it should be and the browser complained
of nothing.

    wizard-walk.py --node http://127.0.0.1:9001=DIR1 --node URL2=DIR2 --node URL3=DIR3 --pid FILE --hold FILE
    wizard-walk.py --back --node http://127.0.0.1:9001=DIR1

With --back the first of three nodes goes on alone, with what the others had.

DIR is a node's data directory, for its first key. FILE of --pid holds the process id of the third node, which somebody
starts again when it ends, unless the FILE of --hold is there. Needs PyPI's playwright and Debian's chromium.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time

from playwright.sync_api import TimeoutError, sync_playwright

HERE = os.path.dirname(os.path.abspath(__file__))
CHROMIUM = "/usr/bin/chromium"


def sibling(name):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Node:
    def __init__(self, text):
        url, self.directory = text.split("=", 1)
        self.base = url.rstrip("/") + "/console/"
        with open(os.path.join(self.directory, "root-key.json")) as file:
            self.key = json.load(file)

    def open(self, page):
        page.goto(self.base)
        page.wait_for_selector(".signin, .hero")
        if page.query_selector(".signin"):
            page.fill("[name=accessKey]", self.key["accessKey"])
            page.fill("[name=secretKey]", self.key["secretKey"])
            page.press("[name=secretKey]", "Enter")
        page.wait_for_selector(".hero")

    def code(self, browser, patience=90):
        """The code that the node's own console shows; nodes that start anew take a moment."""
        end = time.monotonic() + patience
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(15_000)
        try:
            while True:
                try:
                    self.open(page)
                    page.click("text=Show its code")
                    return page.text_content(".code-shown", timeout=3_000)
                except Exception:
                    if time.monotonic() > end:
                        raise
                    time.sleep(1)
        finally:
            context.close()


class Pictures:
    def __init__(self, page, folder):
        self.page, self.folder = page, folder

    def take(self, name):
        for look, width, height, scheme in [("wide", 1280, 900, "light"), ("narrow", 390, 844, "dark")]:
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.emulate_media(color_scheme=scheme)
            wide = self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
            assert not wide, f"{name} is too wide at {width}"
            if self.folder:
                self.page.screenshot(path=os.path.join(self.folder, f"wizard-{name}-{look}.png"), full_page=True)
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.emulate_media(color_scheme="light")


def choose(page, names, codes):
    for name, code in zip(names, codes):
        box = page.locator(f'.newcomer:has(b:text-is("{name}")) input[type=checkbox]:not([disabled])')
        # A search lasts a second: who answers later is found by the next one.
        for attempt in range(12):
            try:
                box.wait_for(timeout=5_000)
                break
            except TimeoutError:
                if attempt == 11:
                    raise
                page.click('button:text-is("Search again")')
        box.check()
        page.fill(f"[name=code-{name}]", code)


def begin(page, pictures=None):
    page.click('button:text-is("Next")')
    page.wait_for_selector("text=Copies of each object")
    if pictures:
        pictures.take("3-places")
    page.click('button:text-is("Next")')
    page.wait_for_selector("text=What will happen")
    if pictures:
        pictures.take("4-review")
    page.click('button.primary:text-is("Enable mesh")')


def back(page, first, pictures):
    """Fewer nodes: the first one stays, and has everything."""
    name = os.path.basename(first.directory)
    page.goto(first.base + "#/mesh")
    page.check("[name=mode][value=standalone]")
    page.wait_for_selector("text=Which node stays?")
    page.check(f'li:has(b:text-is("{name}")) [name=staying]')
    pictures.take("8-fewer")
    page.click('button:text-is("Preview")')
    page.click('dialog >> button:text-is("Go back")')
    page.wait_for_selector("dialog", state="detached")
    end = time.monotonic() + 120
    while True:
        answer = page.evaluate("fetch('/api/v1/cluster/status').then((answer) => answer.json())")
        # The others are there still, and members of nothing.
        if answer["data"]["mode"] == "standalone" and answer["data"]["health"] == "healthy":
            break
        assert time.monotonic() < end, f"the mesh is still there: {answer['data']['sentence']}"
        time.sleep(0.5)


def forward(page, browser, pictures, first, others, args):
    """From one node to three, with a wrong code and a death on the way."""
    second, third = others
    names = [os.path.basename(node.directory) for node in others]
    page.click("main >> text=Enable mesh")
    page.check("[name=mode][value=scaleout]")
    pictures.take("1-mode")
    page.click('button:text-is("Next")')
    codes = [second.code(browser), third.code(browser)]
    wrong = "0000 0000" if codes[1] != "0000 0000" else "0000 0001"
    choose(page, names, [codes[0], wrong])
    pictures.take("2-nodes")
    begin(page, pictures)
    page.wait_for_selector("[role=alert] >> text=this is not the code")
    pictures.take("2-wrong-code")
    assert second.code(browser) == codes[0], "a wrong code of one node touched another one"
    print("wizard: a wrong code is refused, and nothing is begun")

    page.fill(f"[name=code-{names[1]}]", codes[1])
    open(args.hold, "w").close()
    begin(page)
    # From the token to the last copy it can be less than a look at the page.
    end = time.monotonic() + 60
    while not os.path.exists(os.path.join(third.directory, "invitation")):
        assert time.monotonic() < end, "the third node got no token"
        time.sleep(0.02)
    with open(args.pid) as file, contextlib.suppress(ProcessLookupError):
        os.kill(int(file.read()), signal.SIGKILL)
    page.wait_for_selector(f'.stages li:has(b:text-is("{names[1]}")) >> text=/starts anew|joined|copies/', timeout=60_000)
    pictures.take("5-activation")
    page.wait_for_selector("text=It failed", timeout=240_000)
    pictures.take("6-failure")
    assert second.code(browser) != "", "the second node is in its mesh of one again"
    page.reload()
    page.wait_for_selector("text=It failed")
    print("wizard: a node died on the way, and everything is as before")

    os.unlink(args.hold)
    codes = [second.code(browser), third.code(browser, 120)]
    page.click('button:text-is("Retry")')
    choose(page, names, codes)
    begin(page)
    page.wait_for_selector("text=The mesh is active", timeout=240_000)
    pictures.take("7-success")
    page.click('button:text-is("To the dashboard")')
    page.wait_for_selector(".hero.good", timeout=60_000)
    print("wizard: three nodes are one mesh")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--node", action="append", required=True)
    parser.add_argument("--pid")
    parser.add_argument("--hold")
    parser.add_argument("--back", action="store_true")
    parser.add_argument("--pictures")
    parser.add_argument("--browser", default=CHROMIUM)
    args = parser.parse_args()
    first, *others = [Node(text) for text in args.node]
    if not args.back and (len(others) != 2 or not args.pid or not args.hold):
        parser.error("name three nodes, --pid and --hold, or --back and one node")
    refused = sibling("console-walk").REFUSED
    complaints = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
        page = browser.new_context(accept_downloads=True).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type in ("error", "warning") and not refused.search(message.text)
                and "status of 422" not in message.text and complaints.append(message.text))
        pictures = Pictures(page, args.pictures)
        first.open(page)
        if args.back:
            back(page, first, pictures)
            print("wizard: one node again, and it is healthy")
        else:
            forward(page, browser, pictures, first, others, args)
        try:
            sibling("console-walk").storage(page, folder)
        except TimeoutError:
            print("wizard: the page shows:", page.inner_text("main"), file=sys.stderr)
            raise
        browser.close()
    for complaint in complaints:
        print("wizard: the browser says:", complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
