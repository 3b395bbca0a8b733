"""A small SMTP server that keeps what it is sent, octet for octet, for comparison.

Another server that relays one message both here and to mailhandler shows exactly what it made of
the message. With a maildir it stamps and stores like a catch-all: the reference against which the
comparison itself is checked.
"""

import email.utils
import pathlib
import re
import socketserver
import threading

import corpus
import stamped


class _Conversation(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 sink.example ESMTP")
        sender = recipients = None
        for line in self.rfile:
            verb, argument = line[:4].upper(), re.search(rb"<(.*?)>", line)
            if verb == b"QUIT":
                return self.say("221 bye")
            if verb == b"EHLO":
                self.say("250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8")
            elif verb == b"DATA":
                self.say("354 go on")
                octets = self.message()
                if corpus.has_bare_cr(octets):
                    self.say("554 5.6.0 a bare CR")
                else:
                    self.server.keep(sender, recipients, octets)
                    self.say("250 kept")
            else:
                if verb == b"MAIL":
                    sender, recipients = argument[1].decode(), []
                if verb == b"RCPT":
                    recipients.append(argument[1].decode())
                self.say("250 yes")

    def message(self):
        lines = []
        for line in iter(self.rfile.readline, b".\r\n"):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, hostname="mail.example.com", maildir=None):
        super().__init__(("127.0.0.1", port), _Conversation)
        self.hostname, self.maildir = hostname, maildir and pathlib.Path(maildir)
        self.messages, self.lock = {}, threading.Lock()  # sender → octets
        if self.maildir:
            (self.maildir / "new").mkdir(parents=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def keep(self, sender, recipients, octets):
        with self.lock:
            self.messages[sender] = octets
            number = len(self.messages)
        if self.maildir:
            (self.maildir / "new" / str(number)).write_bytes(
                self.stamp(sender, recipients[0]) + stamped.expected(octets))

    def stamp(self, sender, recipient):
        protocol = "ESMTP" if recipient.isascii() else "UTF8SMTP"
        return (f"Return-Path: <{sender}>\r\nX-Rcpt-To: {recipient}\r\nX-POP3-Rcpt: {recipient}\r\n"
                f"Delivered-To: {recipient}\r\nReceived: from client.example (127.0.0.1)\r\n"
                f"\tby {self.hostname} with {protocol} id 1 for <{recipient}>;\r\n"
                f"\t{email.utils.formatdate()}\r\n").encode()
