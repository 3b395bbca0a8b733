#!/usr/bin/env python3
"""A Dovecot and mailhandler serve the same maildir at the same time.

For MAILHANDLER_SECONDS (20) sessions of both append, set flags and keywords, move, expunge, make folders,
rename them and subscribe, while mail comes by SMTP. Then both must tell the same: folders,
subscriptions, UIDVALIDITY, UIDs, flags and keywords of every message, and its UIDL. No UID ever meant
two messages, and each message that was acknowledged lies there once. Made-up mail; no corpus is needed.
"""

import collections
import imaplib
import os
import pathlib
import random
import re
import smtplib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cell  # noqa: E402
import journey  # noqa: E402
import peers  # noqa: E402
import run_collect  # noqa: E402

SMTP, POP3, IMAP, DOVECOT_POP3, DOVECOT_IMAP = 2525, 2110, 2143, 2610, 2643
PASSWORD, SECONDS = "secret", float(os.environ.get("MAILHANDLER_SECONDS", "20"))
SERVER = f"""\
hostname = "mail.example.com"
[listen]
smtp = ["127.0.0.1:{SMTP}"]
imap = ["127.0.0.1:{IMAP}"]
pop3 = ["127.0.0.1:{POP3}"]
[pop3]
uidl = "dovecot"
[guard]
enabled = false
"""
SERVERS = {"mailhandler": (IMAP, POP3, "anne@example.com"), "Dovecot": (DOVECOT_IMAP, DOVECOT_POP3, "anne")}
SHARED_FOLDERS = ["INBOX", "Work", "Entw&APw-rfe"]
FLAGS = [r"\Seen", r"\Answered", r"\Flagged", r"\Draft", "$Label1", "red", "Blue"]
TOKEN = re.compile(rb"X-Token: (\S+)")


class Shared:
    """What everybody learns: faults, and which message a UID is."""

    def __init__(self):
        self.lock, self.over = threading.Lock(), threading.Event()
        self.faults, self.tokens, self.refused = [], {}, collections.Counter()
        self.acknowledged, self.removed, self.done = set(), set(), collections.Counter()

    def fault(self, what):
        with self.lock:
            self.faults.append(what)

    def means(self, who, folder, validity, uid, token):
        with self.lock:
            known = self.tokens.setdefault((folder, validity, uid), token)
        if known != token:
            self.fault(f"{who}: UID {uid} of {folder} was {known} and is {token}")


def log_in(who):
    port, _, login = SERVERS[who]
    client = imaplib.IMAP4("127.0.0.1", port, timeout=60)
    client.login(login, PASSWORD)
    return client


def message(token):
    return f"From: a@example.org\r\nSubject: {token}\r\nX-Token: {token}\r\n\r\nbody of {token}\r\n".encode()


def contents(client, folder):
    """UIDVALIDITY and {UID: (token, flags)} of a folder."""
    if client.select(f'"{folder}"', readonly=True)[0] != "OK":
        raise RuntimeError(f"{folder} cannot be opened")
    validity = int(client.response("UIDVALIDITY")[1][0])
    found = {}
    data = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (X-Token)])")[1]
    for at, part in enumerate(data):
        if not isinstance(part, tuple):
            continue
        about = part[0] + (data[at + 1] if isinstance(data[at + 1], bytes) else b"")
        flags = set(re.search(rb"FLAGS \(([^)]*)\)", about)[1].decode().split()) - {r"\Recent"}
        token = TOKEN.search(part[1])
        found[int(re.search(rb"UID (\d+)", about)[1])] = (token and token[1].decode(), frozenset(flags))
    return validity, found


class Worker(threading.Thread):
    """A client of one of the two. It moves and removes its own messages only; flags it sets on all."""

    def __init__(self, who, number, shared):
        super().__init__(daemon=True)
        self.who, self.name, self.shared = who, f"{who}.{number}", shared
        self.random, self.count = random.Random(self.name), 0
        self.folders, self.mine = [f"F{who[0]}{number}"], {}  # token → folder

    def run(self):
        try:
            self.client = log_in(self.who)
            self.client.create(self.folders[0])
            acts = [self.append, self.append, self.store, self.store, self.move, self.expunge, self.look,
                    self.subscribe, self.rename]
            while not self.shared.over.is_set():
                act = self.random.choice(acts)
                act()
                self.shared.done[f"{self.who} {act.__name__}"] += 1
            self.client.logout()
        except Exception as error:  # a thread's fault is the test's
            self.shared.fault(f"{self.name}: {type(error).__name__}: {error}")

    def must(self, answer, what):
        if answer[0] != "OK":
            self.shared.refused[f"{self.who} {what}: {answer[1]}"] += 1
        return answer[0] == "OK"

    def any_folder(self):
        return self.random.choice(SHARED_FOLDERS + self.folders)

    def append(self):
        self.count += 1
        token, folder = f"{self.name}.{self.count}", self.any_folder()
        flags = "(" + " ".join(self.random.sample(FLAGS, self.random.randrange(3))) + ")"
        answer = self.client.append(f'"{folder}"', flags, None, message(token))
        if not self.must(answer, "APPEND"):
            return
        with self.shared.lock:
            self.shared.acknowledged.add(token)
        self.mine[token] = folder
        told = re.search(rb"APPENDUID (\d+) (\d+)", answer[1][0])
        if told:
            self.shared.means(self.name, folder, int(told[1]), int(told[2]), token)

    def open(self, folder):
        return self.must(self.client.select(f'"{folder}"'), "SELECT")

    def uid_of(self, token):
        data = self.client.uid("SEARCH", None, "HEADER", "X-Token", token)[1][0].split()
        # A header is searched for a part of it: …1 is in …10.
        return [uid for uid in data if self.token_of(uid) == token]

    def token_of(self, uid):
        data = self.client.uid("FETCH", uid.decode(), "(BODY.PEEK[HEADER.FIELDS (X-Token)])")[1]
        found = next((TOKEN.search(part[1]) for part in data if isinstance(part, tuple)), None)
        return found and found[1].decode()

    def own(self):
        """A message of ours, whose folder is then open, and its UID."""
        if not self.mine:
            return None, None
        token = self.random.choice(sorted(self.mine))
        if not self.open(self.mine[token]):
            return None, None
        uids = self.uid_of(token)
        if len(uids) != 1:
            self.shared.fault(f"{self.name}: {token} is {len(uids)} times in {self.mine[token]}")
            del self.mine[token]
            return None, None
        return token, uids[0].decode()

    def store(self):
        if self.open(self.any_folder()):
            how = self.random.choice(["+FLAGS", "-FLAGS"])
            self.must(self.client.uid("STORE", f"{self.random.randrange(1, 60)}:{self.random.randrange(60, 120)}",
                                      how, "(" + self.random.choice(FLAGS) + ")"), "STORE")

    def move(self):
        token, uid = self.own()
        if not token:
            return
        to = self.any_folder()
        if self.must(self.client.uid("MOVE", uid, f'"{to}"'), "MOVE"):
            self.mine[token] = to

    def expunge(self):
        token, uid = self.own()
        if not token or self.random.random() < 0.5:
            return
        with self.shared.lock:
            self.shared.removed.add(token)
        del self.mine[token]
        self.must(self.client.uid("STORE", uid, "+FLAGS", r"(\Deleted)"), "STORE")
        self.must(self.client.uid("EXPUNGE", uid), "EXPUNGE")

    def look(self):
        folder = self.any_folder()
        validity, found = contents(self.client, folder)
        for uid, (token, _) in found.items():
            self.shared.means(self.name, folder, validity, uid, token)
        if list(found) != sorted(found):
            self.shared.fault(f"{self.name}: UIDs of {folder} are not in order")

    def subscribe(self):
        act = self.random.choice([self.client.subscribe, self.client.unsubscribe])
        act(f'"{self.random.choice(SHARED_FOLDERS[1:] + self.folders)}"')  # what is not subscribed to: NO

    def rename(self):
        if self.random.random() < 0.8:
            return
        old, new = self.folders[0], f"F{self.name.replace('.', '_')}_{self.count}"
        self.client.select("INBOX")
        if old != new and self.must(self.client.rename(old, new), "RENAME"):
            self.folders[0] = new
            self.mine = {token: new if folder == old else folder for token, folder in self.mine.items()}


def deliver(shared):
    client, count = smtplib.SMTP("127.0.0.1", SMTP, "client.example"), 0
    while not shared.over.is_set():
        count += 1
        client.sendmail("s@client.example", ["anne@example.com"], message(f"smtp.{count}"))
        with shared.lock:
            shared.acknowledged.add(f"smtp.{count}")
        time.sleep(0.02)
    client.quit()


def names(answer):
    return {line.rpartition(b' "." ')[2].strip(b'"').decode() for line in answer[1] if line}


def everything(who):
    """All that a server tells about the account."""
    client = log_in(who)
    told = {"folders": names(client.list()), "subscriptions": names(client.lsub())}
    told["messages"] = {folder: contents(client, folder) for folder in sorted(told["folders"])}
    client.logout()
    return told


def uidls(who):
    _, port, login = SERVERS[who]
    client = run_collect.pop3(port, login)
    found = {}
    for line in client.uidl()[1]:
        number, uidl = line.decode().split()
        token = TOKEN.search(b"\r\n".join(client.top(number, 0)[1]))
        found[uidl] = token and token[1].decode()
    client.quit()
    return found


def compare(ours, theirs):
    """The faults between what two servers tell."""
    faults = []
    for what in ("folders", "subscriptions"):
        if ours[what] != theirs[what]:
            faults.append(f"{what}: {sorted(ours[what] ^ theirs[what])} are only one's")
    for folder in sorted(ours["messages"].keys() & theirs["messages"].keys()):
        (validity, mine), (other_validity, others) = ours["messages"][folder], theirs["messages"][folder]
        if validity != other_validity:
            faults.append(f"{folder}: UIDVALIDITY {validity} and {other_validity}")
        for uid in sorted(mine.keys() | others.keys()):
            if mine.get(uid) != others.get(uid):
                faults.append(f"{folder}: UID {uid} is {mine.get(uid)} by us and {others.get(uid)} by Dovecot")
    return faults


def judge(shared, ours):
    held = collections.Counter(token for _, messages in ours["messages"].values() for token, _ in messages.values())
    faults = [f"{token} lies there {count} times" for token, count in held.items() if count != 1]
    faults += [f"{token} is lost" for token in sorted(shared.acknowledged - shared.removed - held.keys())]
    faults += [f"{token} was removed and is there" for token in sorted(shared.removed & held.keys())]
    for folder, (validity, messages) in ours["messages"].items():
        for uid, (token, _) in messages.items():
            shared.means("at the end", folder, validity, uid, token)
    return faults


def make_root(binary, root):
    def say(*words, text=None):
        subprocess.run([binary, "--root", str(root), *words], check=True, capture_output=True, input=text,
                       text=True)
    say("init", "--hostname", "mail.example.com")
    (root / "mailhandler.toml").write_text(SERVER)
    say("add-domain", "example.com")
    say("add-mailbox", "anne@example.com", "--password-stdin", text=PASSWORD + "\n")
    (root / "mail/example.com").mkdir(parents=True, exist_ok=True)
    subprocess.run(["chown", "-R", "991:991", str(root)], check=True)


def live(place, binary):
    """What everybody learned meanwhile, and what mailhandler tells in the end."""
    root, shared = place / "root", Shared()
    make_root(binary, root)
    (place / "dovecot").mkdir()
    (place / "dovecot/mail").symlink_to(root / "mail/example.com")
    os.chmod(place, 0o755)
    ours = cell.Cell("mailhandler", ["setpriv", "--reuid=991", "--regid=991", "--clear-groups",
                                     "/srv/bin/" + pathlib.Path(binary).name, "--root", "/srv/root", "serve"],
                     binds={root: "/srv/root", pathlib.Path(binary).parent: "/srv/bin"},
                     users=peers.DOVECOT_USERS, log=place / "mailhandler.log")
    with ours, peers.dovecot("dovecot", place / "dovecot", DOVECOT_IMAP, DOVECOT_POP3, PASSWORD):
        peers.wait_for_port(SMTP, ours)
        first = log_in("Dovecot")
        for folder in SHARED_FOLDERS[1:]:
            first.create(f'"{folder}"')
        first.logout()
        workers = [Worker(who, number, shared) for who in SERVERS for number in range(3)]
        workers.append(threading.Thread(target=deliver, args=(shared,), daemon=True))
        for worker in workers:
            worker.start()
        time.sleep(SECONDS)
        shared.over.set()
        for worker in workers:
            worker.join(90)
            if worker.is_alive():
                shared.fault(f"{worker.name} does not end")
        time.sleep(2)  # what was written within one tick of a clock is looked at again
        told = {who: everything(who) for who in SERVERS}
        shared.faults += judge(shared, told["mailhandler"]) + compare(*told.values())
        listed = [uidls(who) for who in SERVERS]
        if listed[0] != listed[1]:
            both = sorted(listed[0].items() ^ listed[1].items(), key=str)
            shared.faults.append(f"UIDLs differ: {both[:6]}")
        again = {who: everything(who) for who in reversed(SERVERS)}
        if any(again[who] != told[who] for who in SERVERS):
            shared.faults.append("who looks a second time sees something else")
    return shared, told["mailhandler"]


def planted(told):
    """Differences made by hand, which compare() must see."""
    folder, (validity, messages) = next((f, m) for f, m in told["messages"].items() if m[1])
    uid, (token, flags) = next(iter(messages.items()))
    for wrong in ({uid + 100000: (token, flags)}, {uid: (token, flags ^ {"red"})}, {uid: ("other", flags)}):
        changed = {k: v for k, v in messages.items() if k != uid} | wrong
        if not compare(told, {**told, "messages": {**told["messages"], folder: (validity, changed)}}):
            return [f"planted {wrong} was not seen"]
    if not compare(told, {**told, "subscriptions": told["subscriptions"] ^ {"planted"}}):
        return ["a planted subscription was not seen"]
    return compare(told, told)


def run(_, place, binary):
    shared, told = live(place, binary)
    for what, count in shared.refused.most_common(10):
        print(f"refused {count} times: {what[:200]}", file=sys.stderr)
    print(" ".join(f"{what}: {count};" for what, count in sorted(shared.done.items())), file=sys.stderr)
    return (f"Dovecot and mailhandler over one maildir: {len(shared.acknowledged)} messages, "
            f"{sum(shared.done.values())} acts, {len(shared.tokens)} UIDs told"), shared.faults or planted(told)


if __name__ == "__main__":
    arguments = journey.arguments(__doc__).parse_known_args()[0]  # INTEROP= is for all scripts
    sys.exit(journey.play(arguments, run, peers.fetch_dovecot))
