"""The program as a running server, for tests that look at it from outside.

    with host.Host(domains={"example.com": CATCH_ALL}, listen=("smtp", "lmtp")) as server:
        client = host.Client(server.ports["smtp"])

Every Host has a root of its own in a temporary directory and listens on free ports of 127.0.0.1.
It ends only processes that it started, by their number.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

BINARY = os.environ.get("MAILHANDLER", "build/mailhandler")
CATCH_ALL = '[default]\naction = "deliver"\n'
STARTED = 30  # seconds: a sanitized build on a busy machine takes its time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sanitized():
    """Is the program built with AddressSanitizer? Its memory and times then say nothing."""
    return b"__asan_init" in pathlib.Path(BINARY).read_bytes()


def until(condition, seconds=5.0, every=0.01):
    """What `condition` gives once that is true; the last it gave when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(every)


class Root:
    """The files that are configured."""

    def __init__(self, place, domains, listen, more="", write=True):
        self.path = pathlib.Path(place)
        self.ports = {name: free_port() for name in listen}
        if not write:  # somebody else wrote it
            return
        (self.path / "domains").mkdir(parents=True, exist_ok=True)
        self.server(more=more)
        for name, text in domains.items():
            self.domain(name, text)

    def server(self, ports=None, more=""):
        """Writes mailhandler.toml: what listens where, and `more` behind it."""
        lines = ['hostname = "mail.example.com"', 'postmaster = "admin@far.example"', "", "[listen]"]
        for name, port in (ports or self.ports).items():
            lines.append(f'{name} = ["127.0.0.1:{port}"]')
        self.write("mailhandler.toml", "\n".join(lines) + "\n" + more)

    def domain(self, name, text):
        self.write(f"domains/{name}.toml", text)

    def write(self, name, text):
        """As an editor does: a new file, renamed over the old."""
        path = self.path / name
        fresh = path.with_name("." + path.name + ".new")
        fresh.write_text(text)
        fresh.chmod(0o640)
        fresh.rename(path)

    def certificate(self, days=1):
        """A new self-signed pair in tls/."""
        (self.path / "tls").mkdir(exist_ok=True)
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=mail.example.com", "-days", str(days), "-keyout", "key.new", "-out", "cert.new"],
            cwd=self.path / "tls", capture_output=True)
        assert made.returncode == 0, made.stderr
        (self.path / "tls/key.new").rename(self.path / "tls/key.pem")
        (self.path / "tls/cert.new").rename(self.path / "tls/cert.pem")

    def messages(self, *below, folder="new"):
        """Content of every message below mail/, or below mail/<below…>."""
        where = self.path.joinpath("mail", *below)
        return [path.read_bytes() for path in sorted(where.rglob("*")) if path.parent.name == folder]


TLS = '\n[tls]\ncertificate = "tls/cert.pem"\nkey = "tls/key.pem"\n'


class Host(Root):
    """A root with `serve` on it."""

    def __init__(self, domains=None, listen=("smtp",), more="", tls=False, place=None, prefix=(), start=True,
                 write=True):
        self.temporary = None if place else tempfile.mkdtemp(prefix="mailhandler.")
        domains = {"example.com": CATCH_ALL} if domains is None else domains
        super().__init__(place or self.temporary, domains, listen, more + (TLS if tls else ""), write)
        if tls:
            self.certificate()
        self.prefix, self.log, self.process = list(prefix), [], None
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def start(self):
        """Returns once it says "ready"."""
        self.log, self.ready = [], threading.Event()
        self.process = subprocess.Popen([*self.prefix, BINARY, "--root", str(self.path), "serve", "--verbose"],
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.reader = threading.Thread(target=self._read, args=(self.process, self.log, self.ready), daemon=True)
        self.reader.start()
        if not self.ready.wait(STARTED) or not self.alive():
            self.process.kill()
            raise AssertionError("serve did not start:\n" + "".join(self.log))

    @staticmethod
    def _read(process, log, ready):
        with process.stderr as stream:
            for line in stream:
                log.append(line)
                if line.strip().endswith("ready"):
                    ready.set()
        ready.set()

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def said(self, words, seconds=5.0):
        """The first line of its talk that holds `words`, waited for."""
        return until(lambda: next((line for line in list(self.log) if words in line), None), seconds)

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join(5)

    def stop(self, seconds=30):
        """SIGTERM; the status it ends with."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(seconds)
        self.reader.join(5)
        return status

    def memory(self, what="VmRSS"):
        """Octets: VmRSS now, VmHWM the most so far."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def cpu(self):
        """Seconds of CPU it has used."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Client:
    """One SMTP or LMTP connection, octet by octet under the test's control."""

    def __init__(self, port, hello="EHLO client.example", timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")
        self.greeting = self.reply()
        if hello:
            self.ask(hello)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.stream.close()
        with contextlib.suppress(OSError):
            self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets if isinstance(octets, bytes) else octets.encode())

    def reply(self):
        """The last line of the next reply; "" when the line has ended."""
        line = self.stream.readline()
        while line[3:4] == b"-":
            line = self.stream.readline()
        return line.decode(errors="replace").rstrip("\r\n")

    def ask(self, *lines):
        """Sends the lines in one piece and gives a reply for each (one line: its reply alone)."""
        self.send(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\r\n" for line in lines))
        replies = [self.reply() for _ in lines]
        return replies[0] if len(lines) == 1 else replies

    def begin(self, *recipients, sender="a@client.example"):
        """MAIL and RCPTs; gives the RCPTs' replies."""
        return self.ask(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients))[1:]

    def message(self, body, *recipients, sender="a@client.example"):
        """A whole transaction; the reply to DATA's end, or the first that said no."""
        replies = self.ask(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients), "DATA")
        if not replies[-1].startswith("354"):
            return next((reply for reply in replies if reply[:1] not in ("2", "3")), "")
        octets = body if isinstance(body, bytes) else body.encode()
        self.send(octets if octets.endswith(b"\r\n") else octets + b"\r\n")
        return self.ask(".")

    def secure(self):
        """STARTTLS without looking at who it is; the certificate's DER."""
        reply = self.ask("STARTTLS")
        assert reply.startswith("220"), reply
        return self.wrap()

    def wrap(self):
        """TLS from here on: what secure() does once the server has said 220."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.stream.close()
        self.socket = context.wrap_socket(self.socket)
        self.stream = self.socket.makefile("rb")
        return self.socket.getpeercert(True)


def code_of(reply):
    """"550 5.1.1 No such person" → "550 5.1.1"."""
    return " ".join(reply.split(" ")[:2])


def dictionary(server, guesses, domain="closed.example"):
    """Guesses so many recipients of a domain that refuses them, one client at a time:
    ({code of a reply}, microseconds of the server's CPU for each, guesses a second)."""
    codes, sent, cpu, began = set(), 0, server.cpu(), time.monotonic()
    while sent < guesses:
        with Client(server.ports["smtp"], timeout=60) as client:
            for _ in range(9):  # a connection may say a thousand commands without a message
                count = min(100, guesses - sent)
                if not count:
                    break
                codes |= set(map(code_of, client.begin(*(f"guess{sent + i}@{domain}" for i in range(count)))))
                client.ask("RSET")
                sent += count
    return codes, (server.cpu() - cpu) / sent * 1e6, sent / (time.monotonic() - began)
