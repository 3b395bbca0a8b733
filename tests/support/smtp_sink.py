"""An SMTP server that takes mail for tests, and that misbehaves where a recipient's name asks for it:

    later-…   450 at the first RCPT, then 250        never-…   550
    cut-…     the line is cut after the first DATA, before its reply; then 250
    slow-…    a fifth of a second before the reply to the message

With lmtp=True it speaks LMTP, with one reply for each recipient behind the message:

    full-…    452 there the first time          bad-…     554 there

`taken` is what was answered 250: (recipient, token) → how often; a token is the message's Subject.
`messages` are the same as Taken, one for each transaction.
"""

import base64
import collections
import socket
import ssl
import threading
import time


Taken = collections.namedtuple("Taken", "sender recipients content")


class SmtpSink:
    def __init__(self, address="127.0.0.1", port=0, tls=None, login=None, greeting="220 sink.test", handshake=True,
                 lmtp=False):
        self.lmtp = lmtp
        self.tls, self.login, self.greeting, self.handshake = tls, login, greeting, handshake
        self.lock = threading.Lock()
        self.taken, self.seen, self.messages = collections.Counter(), collections.Counter(), []
        self.connections, self.secured, self.logins, self.cuts, self.most_open, self.open = 0, 0, 0, 0, 0, 0
        self.listener = socket.create_server((address, port), backlog=100)
        self.port = self.listener.getsockname()[1]
        self.address = address
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Nobody is let in any more."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept()
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._guarded, args=(line,), daemon=True).start()

    def _guarded(self, line):
        with self.lock:
            self.connections += 1
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            self._serve(line)
        except (OSError, ssl.SSLError):
            pass
        finally:
            with self.lock:
                self.open -= 1
            line.close()

    def _first(self, key):
        with self.lock:
            self.seen[key] += 1
            return self.seen[key] == 1

    def _answer_each(self, recipients, say):
        """LMTP's replies; who got the message."""
        replies = []
        for r in recipients:
            late = r.startswith("full-") and self._first(r)
            replies.append("452 4.2.2 full" if late else "554 5.6.0 bad" if r.startswith("bad-") else "250 2.0.0 taken")
        say("\r\n".join(replies))
        return [r for r, reply in zip(recipients, replies) if reply.startswith("250")]

    def _serve(self, line):
        stream, secure, known = line.makefile("rb"), False, self.login is None
        sender, recipients = "", []

        def say(text):
            line.sendall(text.encode() + b"\r\n")

        say(self.greeting)
        while True:
            command = stream.readline()
            if not command:
                return
            verb = command.strip().upper()
            if verb.startswith(b"LHLO" if self.lmtp else b"EHLO"):
                offers = ["PIPELINING", "SIZE 0", "8BITMIME", "ENHANCEDSTATUSCODES"]
                if self.tls and not secure:
                    offers.append("STARTTLS")
                if self.login:
                    offers.append("AUTH PLAIN")
                say("\r\n".join(f"250-{o}" for o in ["sink.test"] + offers) + "\r\n250 HELP")
            elif verb == b"STARTTLS":
                say("220 go on")
                if not self.handshake:
                    return
                line = self.tls.wrap_socket(line, server_side=True)
                stream, secure = line.makefile("rb"), True
                with self.lock:
                    self.secured += 1
            elif verb.startswith(b"AUTH PLAIN"):
                known = base64.b64decode(command.split()[2]).split(b"\0")[1:] == [p.encode() for p in self.login]
                with self.lock:
                    self.logins += 1
                say("235 2.7.0 welcome" if known else "535 5.7.8 no")
            elif verb.startswith(b"MAIL"):
                sender, recipients = command.split(b"<")[1].split(b">")[0].decode(), []
                say("250 2.1.0 ok" if known else "530 5.7.0 who are you?")
            elif verb.startswith(b"RCPT"):
                address = command.split(b"<")[1].split(b">")[0].decode()
                if address.startswith("never-"):
                    say("550 5.1.1 nobody of this name")
                elif address.startswith("later-") and self._first(address):
                    say("450 4.2.0 try again")
                else:
                    recipients.append(address)
                    say("250 2.1.5 ok")
            elif verb == b"DATA":
                if not recipients:
                    say("554 5.5.1 no recipients")
                    continue
                say("354 go on")
                content = b""
                while not content.endswith(b"\r\n.\r\n"):
                    piece = stream.readline()
                    if not piece:
                        return
                    content += piece
                token = content.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
                if any(r.startswith("slow-") for r in recipients):
                    time.sleep(0.2)
                if any(r.startswith("cut-") and self._first(r) for r in recipients):
                    with self.lock:
                        self.cuts += 1
                    return
                if self.lmtp:
                    recipients = self._answer_each(recipients, say)
                with self.lock:
                    self.taken.update((r, token) for r in recipients)
                    self.messages.append(Taken(sender, recipients, content[:-3].replace(b"\r\n..", b"\r\n.")))
                if not self.lmtp:
                    say("250 2.0.0 taken")
            elif verb == b"QUIT":
                say("221 2.0.0 bye")
                return
            else:
                say("250 2.0.0 ok")
