"""A host, an office that collects from it, and people who use both, for tests of endurance.

Mail comes in by SMTP to the catch-all, to a mailbox with a user of its own, and to an address that is
forwarded; the office collects the catch-all; the user reads and deletes by POP3; a sink takes what
is forwarded. Everybody notes what was promised to them, and judge() compares that with what there is:

    250 to DATA              the message lies at the host, or the office has it, once for each recipient
    +OK to QUIT              what the user deleted is gone, and stays gone
    no 250                   each recipient has it once or not at all
    forwarded                the sink was given it, once or (where somebody died meanwhile) more often
"""

import collections
import contextlib
import os
import pathlib
import poplib
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import host  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

PASSWORD = "secret"
HASH = "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"  # of it, and cheap
TOKEN = re.compile(rb"^X-Token: (\S+)\r$", re.M)
TO = re.compile(rb"^X-Rcpt-To: (\S+)@example\.com\r$", re.M)
poplib._MAXLINE = 1 << 20


def text(token, size):
    """What begins with its token and ends in its end: torn is seen."""
    return (f"X-Token: {token}\r\nSubject: {token}\r\n\r\n" + "x" * 70 * (size // 70)
            + f"\r\nEND {token}\r\n")


def read(octets):
    """(recipient, token) of a message that is whole, or None."""
    token, to = TOKEN.search(octets), TO.search(octets)
    if not token or not to or not octets.endswith(b"\r\nEND " + token[1] + b"\r\n"):
        return None
    return to[1].decode(), token[1].decode()


class Notes:
    """What was promised."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}         # (recipient, token) → acknowledged
        self.forwarded = {}    # token → acknowledged
        self.gone, self.perhaps = set(), set()  # deleted by the user: +OK to QUIT; no answer to it
        self.refused = collections.Counter()
        self.wrong = []        # seen at once
        self.latencies = []    # of messages that were acknowledged, seconds


class World:
    def __init__(self, place, listen=("smtp", "pop3"), every="1s"):
        self.place, self.notes, self.over = pathlib.Path(place), Notes(), threading.Event()
        self.sink = SmtpSink()
        self.host = host.Host(
            {"example.com": f'[default]\naction = "deliver"\npassword = "{HASH}"\n'
                            f'[mailbox.reader]\npassword = "{HASH}"\n[alias]\nout = ["out@elsewhere.test"]\n'},
            listen=listen, place=str(self.place / "host"), start=False,
            more='[guard]\nenabled = false\n[limits]\nconnections = 12000\n'
                 f'[outbound]\nsmarthost = "smtp://127.0.0.1:{self.sink.port}"\ntls = "none"\n')
        self.office = host.Host({"example.com": '[default]\naction = "deliver"\n'}, listen=(),
                                place=str(self.place / "office"), start=False)
        (self.office.path / "fetch").mkdir()
        (self.office.path / "secret").write_text(PASSWORD + "\n")
        (self.office.path / "secret").chmod(0o600)
        self.office.write("fetch/host.toml",
                          f'server = "pop3://127.0.0.1:{self.host.ports["pop3"]}"\nlogin = "example.com"\n'
                          f'password_file = "secret"\ntls = "none"\ndomain = "example.com"\nevery = "{every}"\n')
        (self.office.path / "fetch/host.toml").chmod(0o600)
        self.threads = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.rest()
        for server in (self.host, self.office):
            if server.process and server.alive():
                server.kill()
        self.sink.listener.close()

    # --- people ---------------------------------------------------------------------------

    def begin(self, senders=4, pause=0.0, name="s"):
        """People go about their business until rest(); `pause` seconds between two messages of one."""
        self.over.clear()
        self.threads = [threading.Thread(target=self._keep, args=(self.send, f"{name}.{i}", pause), daemon=True)
                        for i in range(senders)]
        self.threads.append(threading.Thread(target=self._keep, args=(self.collect,), daemon=True))
        for thread in self.threads:
            thread.start()

    def rest(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)
        self.threads = []

    def _keep(self, what, *arguments):
        """Again whenever the line breaks, until it is over."""
        for count in range(1 << 30):
            if self.over.wait(0.01):
                return
            with contextlib.suppress(OSError, ValueError, EOFError, poplib.error_proto):
                what(count, *arguments)

    def send(self, connection, name, pause):
        dice = random.Random(f"{name}.{connection}")
        with host.Client(self.host.ports["smtp"]) as client:
            for count in range(1 << 30):
                if self.over.wait(pause):
                    return
                token = f"{name}.{connection}.{count}"
                people = [f"{token}-{i}" for i in range(dice.randint(1, 3))]
                people += ["reader"] if dice.random() < 0.3 else []
                out = dice.random() < 0.1
                with self.notes.lock:
                    self.notes.sent.update({(p, token): False for p in people})
                began = time.monotonic()
                reply = client.message(text(token, 300_000 if dice.random() < 0.05 else dice.randint(100, 6000)),
                                       *(f"{p}@example.com" for p in [*people, *(["out"] if out else [])]))
                with self.notes.lock:
                    if reply.startswith("250"):
                        self.notes.latencies.append(time.monotonic() - began)
                        self.notes.sent.update({(p, token): True for p in people})
                        if out:
                            self.notes.forwarded[token] = True
                    elif reply:
                        self.notes.refused[host.code_of(reply)] += 1
                if not reply:
                    return

    def collect(self, connection):
        """The user reads what has come, and deletes half of it."""
        box = poplib.POP3("127.0.0.1", self.host.ports["pop3"], timeout=20)
        try:
            box.user("reader@example.com")
            box.pass_(PASSWORD)
            doomed = set()
            for number in range(1, min(20, box.stat()[0]) + 1):
                found = read(b"".join(line + b"\r\n" for line in box.retr(number)[1]))
                if not found:
                    self.notes.wrong.append("a torn message was served")
                    continue
                if number % 2:
                    box.dele(number)
                    doomed.add(found)
            with self.notes.lock:
                self.notes.perhaps |= doomed
            box.quit()
            with self.notes.lock:
                self.notes.gone |= doomed
                self.notes.perhaps -= doomed
        finally:
            box.close()
        self.over.wait(0.2)

    # --- the end --------------------------------------------------------------------------

    def settle(self, seconds=60):
        """People rest, both servers run: all is collected, the queue is empty. Then both stop."""
        self.rest()
        for server in (self.host, self.office):
            if not server.process or not server.alive():
                server.start()

        def done():
            self.command(self.host, "queue", "retry", "--all")
            return not any(self.waiting())

        if not host.until(done, seconds, 0.5):
            raise AssertionError(f"it does not come to rest: {self.waiting()} wait\n"
                                 + "".join([*self.host.log[-5:], *self.office.log[-15:]]))
        statuses = [server.stop() for server in (self.office, self.host)]
        if statuses != [0, 0]:
            raise AssertionError(f"serve ended with {statuses}")

    def waiting(self):
        """How many messages are in the queue and at the host, not collected yet."""
        default = self.host.path / "mail/example.com/@default"
        return (len(list((self.host.path / "queue").glob("*.msg"))),
                len(list(default.glob("new/*"))) + len(list(default.glob("cur/*"))))

    @staticmethod
    def command(server, *words):
        return subprocess.run([host.BINARY, "--root", str(server.path), *words], capture_output=True, text=True)

    def judge(self):
        """What is wrong, a line each. After settle()."""
        notes, wrong = self.notes, list(self.notes.wrong)
        at_office = self._copies(self.office.messages("example.com", "@default"), wrong)
        at_host = self._copies(self.host.messages("example.com", "reader"), wrong)
        for (person, token), acknowledged in notes.sent.items():
            key = person, token
            copies = (at_host if person == "reader" else at_office).pop(key, 0)
            if copies > 1:
                wrong.append(f"{token} for {person}: {copies} copies")
            if key in notes.gone and copies:
                wrong.append(f"{token} for {person}: deleted, and there again")
            if acknowledged and not copies and key not in notes.gone | notes.perhaps:
                wrong.append(f"{token} for {person}: acknowledged, and lost")
        wrong += [f"{key}: nobody sent that" for key in [*at_office, *at_host]]
        wrong += [f"{token}: its forward was lost" for token in notes.forwarded
                  if not self.sink.taken.get(("out@elsewhere.test", token))]
        return wrong

    @staticmethod
    def _copies(messages, wrong):
        found = collections.Counter()
        for octets in messages:
            key = read(octets)
            if not key:
                wrong.append(f"torn: {octets[:80]!r} … {octets[-40:]!r}")
            found[key] += 1
        return found

    def summary(self):
        notes = self.notes
        acknowledged = sum(notes.sent.values())
        return (f"{acknowledged} copies acknowledged, {len(notes.sent) - acknowledged} not; "
                f"{len(notes.forwarded)} forwarded; {len(notes.gone)} deleted by their reader"
                + (f"; refused: {dict(notes.refused)}" if notes.refused else ""))


def seconds(default):
    return float(os.environ.get("MAILHANDLER_SOAK_SECONDS", default))
