"""A DNS server for tests: UDP on a free port of 127.0.0.1.

    with DnsServer({"d.test": [("MX", 10, "mx.test")], "mx.test": [("A", "127.0.0.9")]}) as dns: …

A name that is not there is NXDOMAIN; "SERVFAIL" instead of a list fails; None is never answered.
"""

import socket
import struct
import threading

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}


def name(text):
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".") if part) + b"\0"


def strings(text):
    octets = text.encode()
    return b"".join(bytes([len(octets[i:i + 255])]) + octets[i:i + 255]
                    for i in range(0, max(len(octets), 1), 255))


class DnsServer:
    def __init__(self, zone):
        self.zone = zone
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            reply = self._answer(query)
            if reply:
                self.socket.sendto(reply, peer)

    def _answer(self, query):
        at, parts = 12, []
        while query[at]:
            parts.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        question = query[12:at + 5]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        records = self.zone.get(".".join(parts), "NXDOMAIN")
        if records is None:
            return None
        code = {"NXDOMAIN": 3, "SERVFAIL": 2}.get(records, 0) if isinstance(records, str) else 0
        answers = b""
        count = 0
        for record in records if code == 0 else []:
            if TYPES[record[0]] not in (kind, 5):
                continue
            data = {"A": lambda r: socket.inet_aton(r[1]),
                    "AAAA": lambda r: socket.inet_pton(socket.AF_INET6, r[1]),
                    "CNAME": lambda r: name(r[1]), "PTR": lambda r: name(r[1]),
                    "TXT": lambda r: strings(r[1]),
                    "MX": lambda r: struct.pack("!H", r[1]) + name(r[2])}[record[0]](record)
            answers += b"\xc0\x0c" + struct.pack("!HHIH", TYPES[record[0]], 1, 60, len(data)) + data
            count += 1
        return query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, count, 0, 0) + question + answers
