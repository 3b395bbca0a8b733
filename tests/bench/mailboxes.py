"""Servers that give out what lies in large mailboxes: a Dovecot and mailhandler, over hard links to the same files (their
names carry the sizes, for both), with the same cheap password hash.

`logins` is {how many messages: whose}; what lies there is made beforehand, as mailN beside the servers' directories.
"""

import os
import subprocess

from common import HASH, binary, fill, root
import peers


class Server:
    """`begin` starts it, over the maildirs `boxes`."""

    def __init__(self, name, place, port, boxes, begin):
        self.name, self.place, self.port, self.boxes, self.begin = name, place, port, boxes, begin
        self.cell = begin()

    def stop(self):
        self.cell.stop()

    def chill(self, meanwhile=lambda: None):
        """As if it had never seen the messages; they stay in the machine's cache."""
        self.cell.stop()
        meanwhile()
        for box in self.boxes:
            for path in [*box.glob("dovecot*"), *box.glob("maildirfolder"), *box.glob("mailhandler*")]:
                path.unlink()
        self.cell = self.begin()


def fetch(names):
    if "dovecot" in names:
        peers.fetch_dovecot()


def make(place, logins, scale):
    """Fills mailN; how many messages each really has."""
    place.mkdir(parents=True, exist_ok=True)
    sizes = {}
    for size in logins:
        sizes[size] = max(10, int(size * scale)) if size > 100 else size
        fill(place / f"mail{size}", sizes[size], 600 if size == 100_000 else 4096)
    return sizes


def link_tree(source, target):
    """A maildir whose files are those of the directory `source`."""
    for part in ("new", "cur", "tmp"):
        (target / part).mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(source):
        os.link(entry.path, target / "new" / entry.name)


def linked(place, logins, boxes):
    for size, box in zip(logins, boxes):
        link_tree(place.parent / f"mail{size}", box)
    return boxes


def dovecot(place, logins, protocol):
    boxes = linked(place, logins, [place / "mail" / login for login in logins.values()])
    subprocess.run(["chown", "-R", "991:991", str(place / "mail")], check=True)
    ports = {"imap": 2743, "pop3": 2710}
    return Server("dovecot", place, ports[protocol], boxes, lambda: peers.dovecot(
        "dovecot", place, *ports.values(), "{MD5-CRYPT}" + HASH, "login_trusted_networks = 127.0.0.0/8\n"
        "mail_max_userip_connections = 0"))


def mailhandler(place, logins, protocol):
    port = {"imap": 2744, "pop3": 2711}[protocol]
    made = root(place, {protocol: port}, {
        login: f'[default]\naction = "deliver"\npassword = "{HASH}"\n' for login in logins.values()})
    boxes = linked(place, logins, [made / "mail" / login / "@default" for login in logins.values()])
    return Server("mailhandler", place, port, boxes, lambda: peers.mailhandler("mailhandler", binary(), made, port))
