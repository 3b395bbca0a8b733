#!/usr/bin/env python3
"""Ten writers and ten IMAP sessions on one mailbox, for MAILHANDLER_SOAK_SECONDS (600).

Mail comes by SMTP; the sessions, half of them with QRESYNC, store flags, append, move, expunge and idle;
somebody renames and removes files of the maildir beside them. Each session keeps the view that it was
told, by the protocol's rules. At the end every view must be the disk's (dovecot-uidlist, the file names),
UIDs have only grown and always meant the same message, and of the messages that were acknowledged and
that nobody doomed each lies there once.
"""

import random
import re
import socket
import sys
import tempfile
import threading
import time

import world  # puts tests/support on the path
import host

BOX = '[mailbox.reader]\npassword = "%s"\n' % world.HASH
LETTERS = {"S": r"\Seen", "R": r"\Answered", "F": r"\Flagged", "T": r"\Deleted", "D": r"\Draft"}
# RFC 9051 section 7.5.1: no EXPUNGE may come in answer to these.
NUMBERED = ("FETCH", "STORE", "SEARCH")


class Shared:
    """What everybody knows."""

    def __init__(self):
        self.lock, self.over = threading.Lock(), threading.Event()
        self.wrong, self.tokens = [], {}  # UID → token
        self.acknowledged, self.doomed = set(), set()
        self.commands = 0

    def fault(self, what):
        with self.lock:
            self.wrong.append(what)

    def means(self, uid, token):
        with self.lock:
            if self.tokens.setdefault(uid, token) != token:
                self.wrong.append(f"UID {uid} was {self.tokens[uid]} and is {token}")


class Session:
    """One client: its view is what it was told, and nothing else."""

    def __init__(self, name, port, shared, qresync=False):
        self.name, self.shared, self.view = name, shared, []
        self.tag, self.numbered, self.dead, self.last = 0, False, False, []
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.stream = self.socket.makefile("rb")
        self.stream.readline()
        self.ask(f"LOGIN reader@example.com {world.PASSWORD}")
        if qresync:
            self.ask("ENABLE QRESYNC")
        self.ask("SELECT INBOX")

    def line(self):
        """A response with its literals."""
        line = self.stream.readline()
        while found := re.search(rb"\{(\d+)\}\r\n$", line):
            line += self.stream.read(int(found[1])) + self.stream.readline()
        if not line:
            raise EOFError(f"{self.name}: the line was closed")
        self.last = [*self.last[-5:], line[:100]]
        return line.decode()

    def send(self, text):
        self.tag += 1
        self.last = [*self.last[-5:], text[:100]]
        self.socket.sendall(f"a{self.tag} {text}\r\n".encode())

    def finish(self):
        """Reads to the tagged answer, which it returns."""
        while not (line := self.line()).startswith(f"a{self.tag} "):
            self.absorb(line)
        return line

    def ask(self, text, expect="OK"):
        self.numbered = text.split()[0] in NUMBERED
        self.shared.commands += 1
        self.send(text)
        answer = self.finish()
        self.numbered = False
        if answer.split()[1] not in expect:
            self.shared.fault(f"{self.name}: {text[:60]!r}: {answer!r}")
        return answer

    def absorb(self, line):
        if found := re.match(r"\* (\d+) EXISTS", line):
            if int(found[1]) < len(self.view):
                self.shared.fault(f"{self.name}: EXISTS {found[1]} where {len(self.view)} were")
            self.view += [None] * (int(found[1]) - len(self.view))
        elif found := re.match(r"\* (\d+) EXPUNGE", line):
            if self.numbered:
                self.shared.fault(f"{self.name}: EXPUNGE in answer to a command by numbers")
            self.remove(int(found[1]) - 1)
        elif found := re.match(r"\* VANISHED ([\d:,]+)", line):
            for first, last in re.findall(r"(\d+)(?::(\d+))?", found[1]):
                for uid in range(int(first), int(last or first) + 1):
                    self.vanished(uid)
        elif found := re.match(r"\* (\d+) FETCH \(", line):
            self.fetched(int(found[1]) - 1, line)

    def vanished(self, uid):
        """RFC 7162 section 3.2.10: each UID was in the mailbox, so what is not known here is one of those of
        which only the number is known."""
        at = next((at for at, e in enumerate(self.view) if e and e[0] >= uid), len(self.view))
        if at < len(self.view) and self.view[at][0] == uid:
            del self.view[at]
        elif at and self.view[at - 1] is None:
            del self.view[at - 1]
        else:
            self.shared.fault(f"{self.name}: VANISHED {uid}, which was not there")

    def remove(self, at):
        if at >= len(self.view):
            return self.shared.fault(f"{self.name}: EXPUNGE {at + 1} of {len(self.view)}")
        del self.view[at]

    def fetched(self, at, line):
        uid, flags = re.search(r"[( ]UID (\d+)", line), re.search(r"FLAGS \(([^)]*)\)", line)
        if at >= len(self.view):
            return self.shared.fault(f"{self.name}: FETCH {at + 1} of {len(self.view)}")
        known = self.view[at]
        number = int(uid[1]) if uid else known and known[0]
        if known and number != known[0]:
            self.shared.fault(f"{self.name}: number {at + 1} was UID {known[0]} and is {number}")
        if not known and number:
            before = next((e[0] for e in reversed(self.view[:at]) if e), 0)
            after = next((e[0] for e in self.view[at:] if e), 1 << 32)
            if not before < number < after:
                self.shared.fault(f"{self.name}: UID {number} lies between {before} and {after}")
        if token := re.search(r"X-Token: (\S+)", line):
            self.shared.means(number, token[1])
        if number and flags:
            self.view[at] = number, frozenset(flags[1].split()) - {r"\Recent"}

    def learn(self):
        """Asks what it was only told the number of."""
        while None in self.view:
            first, last = self.view.index(None) + 1, len(self.view)
            self.ask(f"FETCH {first}:{last} (UID FLAGS BODY.PEEK[HEADER.FIELDS (X-Token)])")
            if None in self.view[first - 1:last]:  # they are gone, and it will be told so
                self.ask("NOOP")

    def live(self, seed):
        dice = random.Random(seed)
        try:
            while not self.shared.over.is_set():
                self.learn()
                self.something(dice, [e[0] for e in self.view if e])
        except (OSError, EOFError, ValueError) as error:
            self.dead = True
            self.shared.fault(f"{self.name}: {type(error).__name__} {error}; {self.last}")

    def something(self, dice, uids):
        act = dice.choices(("idle", "store", "numbers", "doom", "expunge", "append", "noop", "move", "again"),
                           (6, 8, 4, 6, 2, 2, 4, 2, 0.1))[0]
        if act == "idle":
            self.send("IDLE")
            self.absorb(self.line())
            time.sleep(dice.random() * 0.5)
            self.socket.sendall(b"DONE\r\n")
            self.finish()
        elif act == "noop":
            self.ask("NOOP")
        elif act == "expunge":
            self.ask("EXPUNGE")
        elif act == "append":
            self.append(f"{self.name}.{dice.getrandbits(40)}")
        elif act == "again":
            self.view = []
            self.ask("SELECT INBOX")
        elif uids:
            self.change(dice, act, dice.choice(uids))

    def change(self, dice, act, uid):
        if act == "store":
            flag = dice.choice([r"\Seen", r"\Flagged", "work", "$Label1"])
            self.ask(f"UID STORE {uid} {dice.choice('+-')}FLAGS ({flag})")
        elif act == "numbers":
            number = dice.randint(1, len(self.view))
            self.ask(f"STORE {number} +FLAGS (\\Answered)", ("OK", "NO"))
        else:
            token = self.shared.tokens.get(uid)
            with self.shared.lock:
                self.shared.doomed.add(token) if act == "doom" else None
            if act == "doom":
                self.ask(f"UID STORE {uid} +FLAGS (\\Deleted)")
            elif r"\Deleted" not in dict(e for e in self.view if e).get(uid, ()):
                self.ask(f"UID MOVE {uid} Old", ("OK", "NO"))

    def append(self, token):
        octets = world.text(token, 500).encode()
        self.send(f"APPEND INBOX {{{len(octets)}+}}\r\n" + octets.decode())
        if " OK " in self.finish():
            with self.shared.lock:
                self.shared.acknowledged.add(token)


def write(name, port, shared):
    """Mail by SMTP."""
    with host.Client(port) as client:
        for count in range(1 << 30):
            if shared.over.wait(0.15):
                return
            token = f"{name}.{count}"
            if client.message(world.text(token, 2000), "reader@example.com").startswith("250"):
                with shared.lock:
                    shared.acknowledged.add(token)


def meddle(box, shared):
    """Another program on the same maildir: it moves out of new/, marks, removes."""
    dice = random.Random(1)
    while not shared.over.wait(0.2):
        files = [*(box / "cur").iterdir(), *(box / "new").iterdir()]
        if not files:
            continue
        path = dice.choice(files)
        base, _, info = path.name.partition(":2,")
        try:
            if dice.random() < 0.3:
                with shared.lock:
                    shared.doomed.add(token_of(path.read_bytes()))
                path.unlink()
            else:
                path.rename(box / "cur" / f"{base}:2,{''.join(sorted(set(info) ^ {'F'}))}")
        except FileNotFoundError:
            pass


def token_of(octets):
    return found[1].decode() if (found := world.TOKEN.search(octets)) else "torn"


def on_disk(box):
    """[(UID, flags)] by dovecot-uidlist and the names of the files."""
    keywords = dict(line.split() for line in (box / "dovecot-keywords").read_text().splitlines())
    letters = LETTERS | {chr(ord("a") + int(number)): name for number, name in keywords.items()}
    files = {p.name.partition(":2,")[0]: p.name.partition(":2,")[2] for part in ("new", "cur")
             for p in (box / part).iterdir()}
    listed = [line.split(" :") for line in (box / "dovecot-uidlist").read_text().splitlines()[1:]]
    return [(int(head.split()[0]), frozenset(letters[c] for c in files[name]))
            for head, name in ((h, n.partition(":2,")[0]) for h, n in listed) if name in files], len(files)


def judge(server, sessions, shared):
    box = server.path / "mail/example.com/reader"
    for session in sessions:
        if not session.dead:
            session.ask("NOOP")
            session.learn()
            session.ask("NOOP")
    disk, count = on_disk(box)
    if count != len(disk):
        shared.fault(f"{count} files, {len(disk)} have a UID")
    if [uid for uid, _ in disk] != sorted({uid for uid, _ in disk}):
        shared.fault("dovecot-uidlist does not grow")
    for session in sessions:
        if session.view != disk:
            mine, theirs = set(session.view), set(disk)
            shared.fault(f"{session.name}: its view is not the disk's: {sorted(mine - theirs, key=str)[:5]} where "
                         f"{sorted(theirs - mine, key=str)[:5]} lies; {len(session.view)}, {len(disk)}")
    lie = {}
    for octets in [*server.messages("example.com", "reader"),
                   *server.messages("example.com", "reader", folder="cur")]:
        lie[token_of(octets)] = lie.get(token_of(octets), 0) + 1
    for token in shared.acknowledged:
        if lie.get(token, 0) != 1 and not (token in shared.doomed and lie.get(token, 0) == 0):
            shared.fault(f"{token}: {lie.get(token, 0)} times")
    return len(disk), sum(lie.values())


def planted(server, session, shared):
    """What judge() must see: a view that is wrong, and a message that is lost."""
    probe, session.dead, right = Shared(), True, session.view
    probe.acknowledged, probe.doomed = shared.acknowledged, shared.doomed
    if not right:
        return
    last = right[-1][0]
    for view in (right[1:], right[:-1], [*right[:-1], (last, frozenset(["x"]))], [*right, (last + 1, frozenset())]):
        session.view = view
        judge(server, [session], probe)
        if not any("view" in fault for fault in probe.wrong):
            shared.fault("a planted view was taken for the disk's")
        probe.wrong.clear()
    session.view = right
    next((server.path / "mail/example.com/reader/cur").iterdir()).unlink()
    judge(server, [session], probe)
    if not probe.wrong:
        shared.fault("a planted loss was not seen")


def main():
    length, shared = world.seconds(600), Shared()
    with tempfile.TemporaryDirectory(prefix="soak.") as place, host.Host(
            {"example.com": BOX}, listen=("smtp", "imap"), place=place, more="[guard]\nenabled = false\n") as server:
        sessions = [Session(f"i{n}", server.ports["imap"], shared, n % 2 == 1) for n in range(10)]
        sessions[0].ask("CREATE Old")
        box = server.path / "mail/example.com/reader"
        threads = [threading.Thread(target=s.live, args=(s.name,)) for s in sessions]
        threads += [threading.Thread(target=write, args=(f"w{n}", server.ports["smtp"], shared)) for n in range(10)]
        threads.append(threading.Thread(target=meddle, args=(box, shared)))
        for thread in threads:
            thread.start()
        time.sleep(length)
        shared.over.set()
        for thread in threads:
            thread.join(60)
        left, all_ = judge(server, sessions, shared)
        planted(server, sessions[0], shared)
        if not server.alive() or server.stop() != 0:
            shared.fault("the server ended: " + "".join(server.log[-10:]))
    print(f"{length:.0f} s: {len(shared.acknowledged)} messages, {shared.commands} commands, {len(shared.tokens)} "
          f"UIDs seen; {left} left in the inbox, {all_} in all")
    for fault in shared.wrong[:40]:
        print("WRONG:", fault[:500])
    return 1 if shared.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
