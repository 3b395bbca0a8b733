"""A small IMAP server for tests that can misbehave in the ways real ones do: one mailbox, INBOX.

    server = Imapd([(uid, b"…"), …])     # uid → content
    server.port, server.messages, server.validity
    server.append(b"…")                  # idling sessions hear of it
    with server: …

`capabilities` is what it offers. `hooks` maps a command to a function(session, tag, rest) → bytes to
send instead, or None for the usual: "SELECT", "UID FETCH", "UID EXPUNGE", "IDLE" …; raising toy_server.Cut drops
the connection. `cut_after` drops it after so many lines.
"""

import base64
import select
import ssl

import toy_server
from toy_server import Cut


class Session(toy_server.Session):
    def greet(self):
        self.view, self.deleted = [], set()
        self.say(f"* OK [CAPABILITY {self.offered()}] ready")

    def say(self, line):
        self.send(line.encode() + b"\r\n")

    def command(self):
        line = self.read_line(100_000)
        if not line:
            return False
        tag, _, rest = line.partition(" ")
        verb, _, rest = rest.partition(" ")
        if verb.upper() == "UID":
            verb, _, rest = rest.partition(" ")
            verb = "UID " + verb
        verb = verb.upper()
        with self.owner.lock:
            self.owner.commands.append(f"{verb} {rest}")
        hook = self.owner.hooks.get(verb)
        answer = hook(self, tag, rest) if hook else None
        if answer is not None:
            self.send(answer)
            return True
        return getattr(self, "do_" + verb.replace(" ", "_"), self.unknown)(tag, rest)

    def unknown(self, tag, rest):
        self.say(f"{tag} BAD what?")
        return True

    def offered(self):
        secure = isinstance(self.connection, ssl.SSLSocket)
        return self.owner.capabilities + (" STARTTLS" if self.owner.context and not secure else "")

    def do_CAPABILITY(self, tag, rest):
        self.say(f"* CAPABILITY {self.offered()}")
        self.say(f"{tag} OK done")
        return True

    def do_STARTTLS(self, tag, rest):
        if not self.owner.context:
            return self.unknown(tag, rest)
        self.send(f"{tag} OK begin\r\n".encode() + self.owner.behind_starttls)
        self.secure()
        return True

    def do_AUTHENTICATE(self, tag, rest):
        mechanism, _, initial = rest.partition(" ")
        message = base64.b64decode(initial).decode()
        if mechanism == "PLAIN":
            good = message.split("\0")[2] == self.owner.password
        else:
            good = f"auth=Bearer {self.owner.password}\x01" in message
            if not good:
                self.say("+ " + base64.b64encode(b'{"status":"401"}').decode())
                self.rfile.readline(1000)
        self.say(f"{tag} OK [CAPABILITY {self.owner.capabilities}] in" if good
                 else f"{tag} NO [AUTHENTICATIONFAILED] wrong")
        return True

    def do_SELECT(self, tag, rest):
        with self.owner.lock:
            self.view = list(self.owner.messages)
        self.say(f"* {len(self.view)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.owner.validity}] valid")
        self.say(f"{tag} OK [READ-WRITE] open")
        return True

    def do_EXAMINE(self, tag, rest):
        return self.do_SELECT(tag, rest)

    def chosen(self, text):
        """(sequence number, uid, content) of the messages a UID set names."""
        last = self.view[-1][0] if self.view else 0
        wanted = set()
        for part in text.split(","):
            low, _, high = part.replace("*", str(last)).partition(":")
            low, high = sorted((int(low), int(high or low)))
            wanted |= {uid for uid, _ in self.view if low <= uid <= high}
        return [(n, uid, content) for n, (uid, content) in enumerate(self.view, 1) if uid in wanted]

    def do_UID_FETCH(self, tag, rest):
        uids, _, items = rest.partition(" ")
        for number, uid, content in self.chosen(uids):
            if "SIZE" in items:
                self.say(f"* {number} FETCH (UID {uid} RFC822.SIZE {len(content)})")
                continue
            with self.owner.lock:
                if (uid, content) not in self.owner.messages:
                    continue  # somebody has expunged it
            if "HEADER" in items:
                content = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            section = "BODY[HEADER]" if "HEADER" in items else "BODY[]"
            self.send(f"* {number} FETCH (UID {uid} {section} {{{len(content)}}}\r\n".encode() + content + b")\r\n")
        self.say(f"{tag} OK done")
        return True

    def do_UID_STORE(self, tag, rest):
        assert "\\Seen" not in rest
        self.deleted |= {uid for _, uid, _ in self.chosen(rest.partition(" ")[0])}
        self.say(f"{tag} OK done")
        return True

    def do_UID_SEARCH(self, tag, rest):
        ours = {uid for _, uid, _ in self.chosen(rest.rpartition(" ")[2])}
        others = sorted((self.deleted | self.owner.marked) - ours)
        self.say("* SEARCH" + "".join(f" {uid}" for uid in others))
        self.say(f"{tag} OK done")
        return True

    def expunge(self, tag, uids):
        with self.owner.lock:
            self.owner.messages[:] = [m for m in self.owner.messages if m[0] not in uids]
        for number, (uid, _) in reversed(list(enumerate(self.view, 1))):
            if uid in uids:
                self.say(f"* {number} EXPUNGE")
        self.view = [m for m in self.view if m[0] not in uids]
        self.deleted -= uids
        self.say(f"{tag} OK done")
        return True

    def do_UID_EXPUNGE(self, tag, rest):
        if "UIDPLUS" not in self.owner.capabilities:
            return self.unknown(tag, rest)
        return self.expunge(tag, self.deleted & {uid for _, uid, _ in self.chosen(rest)})

    def do_EXPUNGE(self, tag, rest):
        return self.expunge(tag, self.deleted | self.owner.marked)

    def news(self):
        """Tells of what has come; never of what has gone."""
        with self.owner.lock:
            known = {uid for uid, _ in self.view}
            fresh = [m for m in self.owner.messages if m[0] not in known]
        if fresh:
            self.view += fresh
            self.say(f"* {len(self.view)} EXISTS")

    def do_NOOP(self, tag, rest):
        self.news()
        self.say(f"{tag} OK done")
        return True

    def do_IDLE(self, tag, rest):
        self.say("+ idling")
        while not select.select([self.connection], [], [], 0.02)[0]:
            self.news()
        if self.rfile.readline(100).strip().upper() != b"DONE":
            raise Cut
        self.say(f"{tag} OK done")
        return True

    def do_LOGOUT(self, tag, rest):
        self.say("* BYE bye")
        self.say(f"{tag} OK done")
        return False


class Imapd(toy_server.ToyServer):
    def __init__(self, messages=(), *, password="secret", port=0, context=None,
                 capabilities="IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=OAUTHBEARER UIDPLUS IDLE"):
        super().__init__(Session, port, context)
        self.messages, self.password, self.capabilities = list(messages), password, capabilities
        self.validity, self.marked, self.hooks, self.behind_starttls = 7, set(), {}, b""
        self.commands = []
        self.last = max((uid for uid, _ in self.messages), default=0)

    def append(self, *contents):
        with self.lock:
            for content in contents:
                self.last += 1
                self.messages.append((self.last, content))

    def renumber(self):
        """A new UIDVALIDITY, and other UIDs for what is there."""
        with self.lock:
            self.validity += 1
            self.messages = [(n, content) for n, (_, content) in enumerate(self.messages, 1)]
            self.last = len(self.messages)
