#!/usr/bin/env python3
"""Walks the console of a mesh with a real browser, the way a person would.

Signs in (once wrongly), makes a bucket, uploads and downloads, looks where a key is, makes and deletes an access key
after its holder has looked around as a user, a viewer and an operator, makes a tenant whose admin works in it until
it is disabled, sends one bucket to another one, moves a bucket to one node and back, changes a weight, pauses and
resumes, makes a node package, lets a node play dead and asks all nodes how they are, kills one and sees it dead, and
signs out. With --pictures it leaves a screenshot of every page, wide and narrow. Exits with 0 when everything was as
it should be and the browser complained of nothing.

    console-walk.py --url http://127.0.0.1:9001 --s3 http://127.0.0.1:9000 --access-key K --secret-key S
        [--kill NAME=PID] [--pictures DIR]

--s3 is where the mesh answers S3 requests; without it nothing is sent from one bucket to another.

Needs PyPI's playwright and Debian's chromium.
"""

import argparse
import os
import re
import signal
import sys
import tempfile

from playwright.sync_api import TimeoutError, sync_playwright

PAGES = ["dashboard", "ring", "nodes", "storage", "keys", "tenants", "movements", "events", "tests"]
REFUSED = re.compile("status of 40[01] ")
BUCKET = "made-by-the-walk"
TENANT = "tenant-of-the-walk"
SOURCE, COPY = "sent-by-the-walk", "got-by-the-walk"
MOVED = "moved-by-the-walk"
# A name that is markup: everywhere in the console it has to stay text.
EVIL = "<img src=x onerror=alert(1)>.txt"


def sign_in(page, key, secret):
    page.fill("[name=accessKey]", key)
    page.fill("[name=secretKey]", secret)
    page.press("[name=secretKey]", "Enter")


def watch(page, complaints):
    """What the browser says of this page and what it should not have done is kept."""

    def complain(message):
        # Refusals are part of the walk.
        if message.type in ("error", "warning") and not REFUSED.search(message.text):
            complaints.append(f"{message.text} {message.location.get('url', '')}".strip())

    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append("a script ran: " + dialog.message), dialog.dismiss()))


def sure(page):
    """Yes to what a dialog asks before something is taken away."""
    page.click("dialog >> button.danger")
    page.wait_for_selector("dialog", state="detached")


def go(page, title):
    """To this page, and on once it is there: what is looked for next may be on the page before, too."""
    page.click(f'nav a:text-is("{title}")')
    page.wait_for_selector(f"main > .page.{title.lower()}")


def make_bucket(page, name):
    go(page, "Storage")
    page.click("text=New bucket")
    page.fill("[name=name]", name)
    page.press("[name=name]", "Enter")
    page.click(f'a:text-is("{name}")')
    page.wait_for_selector("text=Nothing is here")


def upload(page, folder, name, size):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(os.urandom(size))
    page.set_input_files("input[type=file]", path)
    page.wait_for_selector(f'[aria-label="Delete {name}"]')


def delete_bucket(page, name, keys=()):
    """With what is in it: only an empty one can be deleted."""
    go(page, "Storage")
    if keys:
        page.click(f'a:text-is("{name}")')
    for key in keys:
        page.click(f'[aria-label="Delete {key}"]')
        sure(page)
        page.wait_for_selector(f'[aria-label="Delete {key}"]', state="detached")
    go(page, "Storage")
    page.click(f'[aria-label="Delete {name}"]')
    sure(page)
    page.wait_for_selector(f'a:text-is("{name}")', state="detached")


def check_object(page, path):
    """On the page of its bucket: what was uploaded from here can be read."""
    with page.expect_download() as download:
        page.click(f'a:text-is("{os.path.basename(path)}")')
    with open(download.value.path(), "rb") as got, open(path, "rb") as sent:
        assert got.read() == sent.read(), "what was downloaded is not what was uploaded"


def storage(page, folder):
    make_bucket(page, BUCKET)
    large, evil = os.path.join(folder, "large.bin"), os.path.join(folder, EVIL)
    with open(large, "wb") as file:
        file.write(os.urandom(3_000_000))
    with open(evil, "wb") as file:
        file.write(b"text")
    page.set_input_files("input[type=file]", [large, evil])
    page.wait_for_selector(f'[aria-label="Delete {EVIL}"]')
    check_object(page, large)
    page.click('[aria-label="Where is large.bin"]')
    page.wait_for_selector(".arc.lit")
    page.go_back()
    delete_bucket(page, BUCKET, ["large.bin", EVIL])


def visitor(browser, base, key, secret, complaints):
    """Another browser, signed in with this key, on the page that it is shown first."""
    page = browser.new_context().new_page()
    watch(page, complaints)
    page.goto(base)
    page.wait_for_selector(".signin")
    sign_in(page, key, secret)
    page.wait_for_selector("nav >> text=Storage")
    return page


def make_key(page, tenant=None):
    """A key without a role, or one that is an admin of this tenant. Returns its id and its secret."""
    go(page, "Keys")
    page.click("text=New key")
    page.select_option("dialog [name=role]", "none")
    if tenant:
        page.select_option("dialog [name=tenant]", tenant)
        page.check("dialog [name=tenantAdmin]")
    page.click("dialog >> button.primary")
    page.wait_for_selector("text=Keep the secret now")
    made, secret = [page.text_content(f"dialog code >> nth={place}") for place in (0, 1)]
    page.keyboard.press("Escape")
    return made, secret


def delete_key(page, key):
    go(page, "Keys")
    page.click(f'tr:has-text("{key}") >> text=Delete…')
    sure(page)
    page.wait_for_selector(f'tr:has-text("{key}")', state="detached")


def keys(page, browser, base, complaints):
    made, secret = make_key(page)
    row = f'tr:has-text("{made}")'
    viewer = visitor(browser, base, made, secret, complaints)
    viewer.wait_for_selector("text=Your access key has no grant on any bucket")
    assert viewer.query_selector("nav >> text=Nodes") is None, "a user is shown the mesh"
    page.click(f"{row} >> text=Role…")
    page.select_option("dialog [name=role]", "viewer")
    page.click("dialog >> button.primary")
    page.wait_for_selector(f"{row} >> text=viewer")
    viewer.reload()
    go(viewer, "Keys")
    viewer.wait_for_selector(f"{row} >> text=viewer")
    assert viewer.query_selector("text=New key") is None and viewer.query_selector(f"{row} >> text=Role…") is None
    go(viewer, "Movements")
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
    sure(page)
    page.wait_for_selector(f"{row} >> text=disabled")
    delete_key(page, made)


def fits(page, what):
    """What is shown only now and then is wide nowhere, either."""
    size = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{what}: too wide at 390"
    page.set_viewport_size(size)


def until_shown(page, selector, patience=15):
    """Numbers of what is stored are a little old: the page is opened anew until it shows them."""
    for left in reversed(range(patience)):
        page.reload()
        try:
            return page.wait_for_selector(selector, timeout=1_000)
        except TimeoutError:
            if not left:
                raise


def limited(page, button, values):
    """Fills in the dialog that this button opens: a quota and what else it asks for."""
    page.click(button)
    for name, value in values.items():
        if name == "unit":
            page.select_option("dialog [name=unit]", value)
        else:
            page.fill(f"dialog [name={name}]", value)
    page.click("dialog >> button.primary")
    page.wait_for_selector("dialog", state="detached")


def tenants(page, browser, base, folder, complaints):
    go(page, "Tenants")
    page.click("text=New tenant")
    page.fill("dialog [name=name]", EVIL)
    page.press("dialog [name=name]", "Enter")
    assert page.query_selector("dialog [name=name]:invalid"), "markup is taken for the name of a tenant"
    page.keyboard.press("Escape")
    limited(page, "text=New tenant",
            {"name": TENANT, "amount": "4", "unit": "MiB", "objects": "9", "buckets": "2", "keys": "3"})
    row = f'tr:has-text("{TENANT}")'
    for text in ["works", "0 of 2", "0 of 3", "0 of 9", "0 B of 4.0 MiB"]:
        page.wait_for_selector(f"{row} >> text={text}")
    made, secret = make_key(page, TENANT)
    page.wait_for_selector(f'tr:has-text("{made}") >> text=admin of its tenant')
    guest = visitor(browser, base, made, secret, complaints)
    in_tenant(guest, base, folder)
    whole = f"{TENANT}:{BUCKET}"
    go(page, "Tenants")
    until_shown(page, f"{row} >> text=2 of 9")
    page.wait_for_selector(f"{row} >> text=1 of 2")
    fits(page, "Tenants")
    page.click(f"{row} >> a")
    page.wait_for_selector("text=1 bucket")
    fits(page, "a tenant's buckets")
    limited(page, f'[aria-label="Quota of {whole}"]', {"amount": "2", "unit": "MiB", "objects": "5"})
    for text in ["2 of 5", "of 2.0 MiB"]:
        page.wait_for_selector(f'tr:has-text("{whole}") >> text={text}')
    until_shown(guest, f'tr:has-text("{BUCKET}") >> text=2 of 5')
    go(page, "Tenants")
    page.click(f'[aria-label="Disable {TENANT}"]')
    sure(page)
    page.wait_for_selector(f"{row} >> text=disabled")
    guest.click("nav >> text=Keys")
    guest.wait_for_selector(".signin")
    sign_in(guest, made, secret)
    guest.wait_for_selector("[role=alert]")
    guest.context.close()
    go(page, "Keys")
    page.wait_for_selector(f'tr:has-text("{made}") >> text=tenant disabled')
    delete_bucket(page, whole, ["small.bin", EVIL])
    delete_key(page, made)
    go(page, "Tenants")
    page.click(f'[aria-label="Delete {TENANT}"]')
    sure(page)
    page.wait_for_selector(row, state="detached")


def in_tenant(guest, base, folder):
    """What an admin of the tenant sees and does: the own buckets and keys, and nothing of the mesh."""
    assert guest.locator("nav li").all_text_contents() == ["Storage", "Keys"], "a tenant is shown pages of the mesh"
    for name in PAGES:
        guest.goto(f"{base}#/{name}")
        guest.reload()
        guest.wait_for_selector(f'h1:text-is("{f"Access keys of {TENANT}" if name == "keys" else "Buckets"}")')
        guest.wait_for_selector("text=Asking…", state="detached")
        assert guest.query_selector(".fault") is None, f"the page {name} shows a tenant a fault"
    make_bucket(guest, BUCKET)
    upload(guest, folder, "small.bin", 2_048)
    upload(guest, folder, EVIL, 1_024)
    go(guest, "Storage")
    row = f'tr:has-text("{BUCKET}")'
    until_shown(guest, f'{row} >> [data-label=Objects] >> text="2"')
    guest.wait_for_selector(f'{row} >> [data-label=Size] >> text="3.0 KiB"')
    assert guest.query_selector("text=Quota…") is None, "a tenant may change its own quota"


def replication(page, folder, endpoint):
    for bucket in [COPY, SOURCE]:
        make_bucket(page, bucket)
    made, secret = make_key(page)
    page.click(f'tr:has-text("{made}") >> text=Give…')
    page.select_option("dialog [name=bucket]", COPY)
    page.select_option("dialog [name=right]", "owner")
    page.click("dialog >> button.primary")
    page.wait_for_selector(f'tr:has-text("{made}") >> text={COPY}: owner')
    go(page, "Storage")
    page.click(f'[aria-label="Replication of {SOURCE}: none"]')
    page.click("text=Replicate this bucket…")
    values = {"endpoint": endpoint, "targetBucket": COPY, "targetPrefix": EVIL + "/"}
    for name, value in {**values, "accessKey": made, "secretKey": secret}.items():
        page.fill(f"dialog [name={name}]", value)
    page.click("dialog >> button.primary")
    page.wait_for_selector("dialog", state="detached")
    card = "[aria-labelledby=replication-title]"
    page.wait_for_selector(f"{card} >> text=1 rule")
    page.wait_for_selector(f"{card} >> .state:text-is('caught-up')", timeout=30_000)
    go(page, "Storage")
    page.click(f'a:text-is("{SOURCE}")')
    upload(page, folder, EVIL, 2_048)
    go(page, "Storage")
    page.click(f'[aria-label^="Replication of {SOURCE}: "]')
    page.wait_for_selector(f"{card} >> text=/Sent: [1-9]/")
    page.wait_for_selector(f"{card} >> .state:text-is('caught-up')", timeout=30_000)
    fits(page, "a bucket's rules")
    page.click(f'{card} >> button:text-is("Pause")')
    page.wait_for_selector(f"{card} >> .state:text-is('paused')")
    go(page, "Storage")
    page.click(f'a:text-is("{SOURCE}")')
    upload(page, folder, "late.bin", 1_024)
    go(page, "Movements")
    row = f'section:has(h2:text-is("Replication")) tr:has-text("{SOURCE}")'
    page.wait_for_selector(f"{row} >> text=/it is paused, and [1-9]/")
    page.wait_for_selector(f"{row} >> text={endpoint}/{COPY}/{EVIL}")
    fits(page, "Movements with a rule")
    page.click(f"{row} >> a")
    page.click(f'{card} >> button:text-is("Resume")')
    page.wait_for_selector(f"{card} >> .state:text-is('caught-up')", timeout=30_000)
    go(page, "Storage")
    page.click(f'a:text-is("{COPY}")')
    page.click(f'a:text-is("{EVIL}/")')
    until_shown(page, f'[aria-label="Delete {EVIL}/late.bin"]')
    for key in [EVIL, "late.bin"]:
        page.click(f'[aria-label="Delete {EVIL}/{key}"]')
        sure(page)
    page.wait_for_selector("text=Nothing is here")
    go(page, "Storage")
    page.click(f'[aria-label^="Replication of {SOURCE}: "]')
    page.click(f"{card} >> text=Remove…")
    sure(page)
    page.wait_for_selector("text=No rule sends its objects anywhere")
    delete_bucket(page, SOURCE, [EVIL, "late.bin"])
    delete_bucket(page, COPY)
    delete_key(page, made)


def moves(page, folder):
    """A bucket to one node, by the keyboard, and back to all: what is in it can be read on the way and there."""
    make_bucket(page, MOVED)
    upload(page, folder, "moved.bin", 200_000)
    card = "[aria-labelledby=place-title]"

    def move(before, choose, warning):
        go(page, "Storage")
        page.click(f'[aria-label="Where {MOVED} is: {before}"]')
        page.focus(f"{card} >> text=Move…")
        page.keyboard.press("Enter")
        choose()
        fits(page, "where a bucket shall be")
        # What would move is told first.
        page.click(f"{card} >> text=Preview")
        page.wait_for_selector("dialog >> text=/would move/")
        if warning:
            page.wait_for_selector(f"dialog .warning >> text={warning}")
        page.click('dialog >> button:text-is("Move")')
        page.wait_for_selector("text=The page Movements shows how far it is.")
        page.wait_for_selector("dialog", state="detached")
        assert page.evaluate("document.activeElement.id") == "move", "the keyboard has lost its place"

    def check(place):
        for is_there in [False, True]:
            if is_there:
                go(page, "Storage")
                page.click(f'[aria-label^="Where {MOVED} is: "]')
                page.wait_for_selector(f'{card} p:text-is("On {place}.")', timeout=60_000)
            page.click(f'a:text-is("{MOVED}")')
            check_object(page, os.path.join(folder, "moved.bin"))

    def one_node():
        page.focus(f"{card} [value=everywhere]")
        page.keyboard.press("ArrowRight")
        assert page.is_disabled(f"{card} >> text=Preview"), "a bucket may go nowhere"
        page.check(f"{card} [type=checkbox] >> nth=1")

    go(page, "Nodes")
    page.wait_for_selector("tbody th a")
    name = sorted(page.locator("tbody th a").all_text_contents())[1]
    move("all nodes", one_node, "gone when the disk that holds it is")
    check(name)
    move(name, lambda: page.check(f"{card} [value=everywhere]"), None)
    check("all nodes")
    delete_bucket(page, MOVED, ["moved.bin"])


def orders(page):
    go(page, "Nodes")
    page.click("[aria-label^='Orders for'] >> nth=0")
    page.click('dialog >> button:text-is("Name and notes")')
    page.fill("dialog [name=notes]", "rack=3; owner=<b>Ada</b>")
    page.click('dialog >> button:text-is("Save")')
    page.wait_for_selector("text=It is noted.")
    page.wait_for_selector("dialog", state="detached")
    page.click("[aria-label^='Orders for'] >> nth=0")
    page.click('dialog >> button:has-text("Weight and zone")')
    weight = int(page.input_value("dialog [name=weight]"))
    page.fill("dialog [name=weight]", str(weight + 1))
    page.click("dialog >> button.primary")
    # What would move is told first.
    page.click('dialog >> button:text-is("Change")')
    page.wait_for_selector("text=The page Movements shows how far it is.")
    go(page, "Movements")
    page.click('button:text-is("Pause")')
    page.wait_for_selector("text=Repair and movement are paused on")
    page.click('button:text-is("Resume")')
    page.wait_for_selector('button:text-is("Pause")')


def package(page):
    go(page, "Nodes")
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
    go(page, "Tests")
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
    go(page, "Dashboard")
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
    parser.add_argument("--s3", help="where the mesh answers S3 requests")
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
        watch(page, complaints)
        page.goto(base)
        page.wait_for_selector(".signin")
        sign_in(page, args.access_key, "this-is-a-wrong-secret")
        page.wait_for_selector("[role=alert]")
        sign_in(page, args.access_key, args.secret_key)
        page.wait_for_selector(".hero")
        storage(page, folder)
        keys(page, browser, base, complaints)
        tenants(page, browser, base, folder, complaints)
        if args.s3:
            replication(page, folder, args.s3.rstrip("/"))
        moves(page, folder)
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
