#!/usr/bin/env python3
"""Walks the console of a mesh with a real browser, the way a person would.

Signs in (once wrongly), makes a bucket, uploads and downloads, looks where a key is, makes and deletes an access key
after its holder has looked around as a user, a viewer and an operator, changes a weight, pauses and resumes, makes a
node package, lets a node play dead and asks all nodes how they are, kills one and sees it dead, and signs out. With
--pictures it leaves a screenshot of every page, wide and narrow. Exits with 0 when everything was as it should be and the
browser complained of nothing.

    console-walk.py --url http://127.0.0.1:9001 --access-key K --secret-key S [--kill NAME=PID] [--pictures DIR]

Needs PyPI's playwright and Debian's chromium.
"""

import argparse
import os
import re
import signal
import sys
import tempfile

from playwright.sync_api import sync_playwright

PAGES = ["dashboard", "ring", "nodes", "storage", "keys", "tenants", "movements", "events", "tests"]
REFUSED = re.compile("status of 40[01] ")
# A name that is markup: everywhere in the console it has to stay text.
BUCKET = "made-by-the-walk"
EVIL = "<img src=x onerror=alert(1)>.txt"


def sign_in(page, key, secret):
    page.fill("[name=accessKey]", key)
    page.fill("[name=secretKey]", secret)
    page.press("[name=secretKey]", "Enter")


def storage(page, folder):
    page.click("nav >> text=Storage")
    page.click("text=New bucket")
    page.fill("[name=name]", BUCKET)
    page.press("[name=name]", "Enter")
    page.click(f'a:text-is("{BUCKET}")')
    page.wait_for_selector("text=Nothing is here")
    large, evil = os.path.join(folder, "large.bin"), os.path.join(folder, EVIL)
    with open(large, "wb") as file:
        file.write(os.urandom(3_000_000))
    with open(evil, "wb") as file:
        file.write(b"text")
    page.set_input_files("input[type=file]", [large, evil])
    page.wait_for_selector(f'[aria-label="Delete {EVIL}"]')
    with page.expect_download() as download:
        page.click('a:text-is("large.bin")')
    with open(download.value.path(), "rb") as got, open(large, "rb") as sent:
        assert got.read() == sent.read(), "what was downloaded is not what was uploaded"
    page.click('[aria-label="Where is large.bin"]')
    page.wait_for_selector(".arc.lit")
    page.go_back()
    for key in ["large.bin", EVIL]:
        page.click(f'[aria-label="Delete {key}"]')
        page.click("dialog >> button.danger")
        page.wait_for_selector(f'[aria-label="Delete {key}"]', state="detached")
    page.click("nav >> text=Storage")
    page.click(f'[aria-label="Delete {BUCKET}"]')
    page.click("dialog >> button.danger")
    page.wait_for_selector(f'a:text-is("{BUCKET}")', state="detached")


def visitor(browser, base, key, secret, complain):
    """Another browser, signed in with this key, on the page that it is shown first."""
    page = browser.new_context().new_page()
    page.on("pageerror", complain)
    page.goto(base)
    page.wait_for_selector(".signin")
    sign_in(page, key, secret)
    page.wait_for_selector("nav >> text=Storage")
    return page


def keys(page, browser, base, complain):
    page.click("nav >> text=Keys")
    page.click("text=New key")
    page.select_option("dialog [name=role]", "none")
    page.click("dialog >> button.primary")
    page.wait_for_selector("text=Keep the secret now")
    made, secret = [page.text_content(f"dialog code >> nth={place}") for place in (0, 1)]
    page.keyboard.press("Escape")
    row = f'tr:has-text("{made}")'
    viewer = visitor(browser, base, made, secret, complain)
    viewer.wait_for_selector("text=Your access key has no grant on any bucket")
    assert viewer.query_selector("nav >> text=Nodes") is None, "a user is shown the mesh"
    page.click(f"{row} >> text=Role…")
    page.select_option("dialog [name=role]", "viewer")
    page.click("dialog >> button.primary")
    page.wait_for_selector(f"{row} >> text=viewer")
    viewer.reload()
    viewer.click("nav >> text=Keys")
    viewer.wait_for_selector(f"{row} >> text=viewer")
    assert viewer.query_selector("text=New key") is None and viewer.query_selector(f"{row} >> text=Role…") is None
    viewer.click("nav >> text=Movements")
    viewer.wait_for_selector("text=Nothing waits")
    assert viewer.query_selector('button:text-is("Pause")') is None
    page.click(f"{row} >> text=Role…")
    page.select_option("dialog [name=role]", "operator")
    page.click("dialog >> button.primary")
    page.wait_for_selector(f"{row} >> text=operator")
    viewer.reload()
    viewer.wait_for_selector('button:text-is("Pause")')
    viewer.context.close()
    page.click(f"{row} >> text=Disable…")
    page.click("dialog >> button.danger")
    page.wait_for_selector(f"{row} >> text=disabled")
    page.click(f"{row} >> text=Delete…")
    page.click("dialog >> button.danger")
    page.wait_for_selector(row, state="detached")


def orders(page):
    page.click("nav >> text=Nodes")
    page.click("[aria-label^='Orders for'] >> nth=0")
    page.click('dialog >> button:has-text("Weight and zone")')
    weight = int(page.input_value("dialog [name=weight]"))
    page.fill("dialog [name=weight]", str(weight + 1))
    page.click("dialog >> button.primary")
    # What would move is told first.
    page.click('dialog >> button:text-is("Change")')
    page.wait_for_selector("text=The page Movements shows how far it is.")
    page.click("nav >> text=Movements")
    page.click('button:text-is("Pause")')
    page.wait_for_selector("text=Repair and movement are paused on")
    page.click('button:text-is("Resume")')
    page.wait_for_selector('button:text-is("Pause")')


def package(page):
    page.click("nav >> text=Nodes")
    page.click('button:text-is("Node package")')
    page.fill("dialog [name=name]", "one two")
    page.click("dialog >> button.primary")
    page.fill("dialog [name=name]", "made-by-the-walk")
    page.fill("dialog [name=addresses]", "no address")
    page.click("dialog >> button.primary")
    page.wait_for_selector("dialog [role=alert]")
    page.fill("dialog [name=addresses]", "127.0.0.1:9")
    with page.expect_download(timeout=60_000) as download:
        page.click("dialog >> button.primary")
    with open(download.value.path(), "rb") as file:
        assert download.value.suggested_filename.endswith(".deb") and file.read(8) == b"!<arch>\n", "this is no package"


def tests(page, name):
    """Once a weight was changed data moves, and then nothing is pulled: it is tried until the mesh has come to rest."""
    page.click("nav >> text=Tests")
    page.click('button:text-is("Check now")')
    page.wait_for_selector("summary >> text=found nothing wrong", timeout=60_000)
    page.click('button:text-is("Pull the plug…")')
    page.select_option("dialog [name=node]", name)
    page.fill("dialog [name=seconds]", "10")
    for _ in range(90):
        page.click("dialog >> button.danger")
        page.wait_for_timeout(1_000)
        if page.query_selector("dialog") is None:
            break
    page.wait_for_selector("text=was away for 10 s and nothing failed", timeout=240_000)


def death(page, name, pid):
    page.goto(page.url.split("#")[0] + f"#/ring/{name}")
    arc = f'.arc[aria-label^="{name}: "]'
    page.wait_for_selector(f"{arc}.good")
    # The keyboard reaches an arc, and an update does not take the focus away.
    page.focus(arc)
    os.kill(pid, signal.SIGKILL)
    page.wait_for_selector(f"{arc}.bad", timeout=60_000)
    assert page.evaluate("document.activeElement.classList.contains('arc')"), "the update took the focus away"
    page.wait_for_selector("section[aria-label=Dossier] >> text=became dead")
    page.click("nav >> text=Dashboard")
    page.wait_for_selector(".hero.watch, .hero.bad")
    page.wait_for_selector(f".findings >> text={name} is dead")


def pictures(browser, args, base):
    for look, width, height, scheme in [("wide", 1280, 900, "light"), ("narrow", 390, 844, "dark")]:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        page = context.new_page()
        page.goto(base)
        sign_in(page, args.access_key, args.secret_key)
        page.wait_for_selector(".hero")
        for name in PAGES:
            page.goto(f"{base}#/{name}")
            # Two updates, so that lines have points.
            page.wait_for_timeout(5_000 if name == "dashboard" else 1_500)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide at {width}"
            if args.pictures:
                page.screenshot(path=os.path.join(args.pictures, f"{name}-{look}.png"), full_page=True)
        context.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--kill", help="NAME=PID: a node that is killed to see it dead")
    parser.add_argument("--pictures", help="where screenshots go")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    args = parser.parse_args()
    base = args.url.rstrip("/") + "/console/"
    complaints = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True).new_page()

        def complain(message):
            # Refusals are part of the walk.
            if message.type in ("error", "warning") and not REFUSED.search(message.text):
                complaints.append(message.text)

        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append("a script ran: " + dialog.message), dialog.dismiss()))
        page.goto(base)
        page.wait_for_selector(".signin")
        sign_in(page, args.access_key, "this-is-a-wrong-secret")
        page.wait_for_selector("[role=alert]")
        sign_in(page, args.access_key, args.secret_key)
        page.wait_for_selector(".hero")
        storage(page, folder)
        keys(page, browser, base, lambda error: complaints.append(str(error)))
        orders(page)
        package(page)
        if args.kill:
            name, pid = args.kill.split("=")
            tests(page, name)
        pictures(browser, args, base)
        if args.kill:
            death(page, name, int(pid))
        page.click("text=Sign out")
        page.wait_for_selector(".signin")
        browser.close()
    for complaint in complaints:
        print("console: the browser says:", complaint, file=sys.stderr)
    print("console: walked" if not complaints else "console: walked, with complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
