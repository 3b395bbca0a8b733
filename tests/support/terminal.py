"""The program on a pseudo-terminal, for tests of what it asks and draws there."""

import codecs
import os
import pathlib
import pty
import select
import time

BINARY = os.environ.get("MAILHANDLER", str(pathlib.Path(__file__).resolve().parents[2] / "build/mailhandler"))


class Terminal:
    """The program on a pseudo-terminal, as somebody who types sees it."""

    def __init__(self, root, *words):
        self.seen = ""
        self.characters = codecs.getincrementaldecoder("utf-8")()  # a read may end within one
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(BINARY, [BINARY, "--root", str(root), *words])

    def expect(self, text):
        start = len(self.seen)
        deadline = time.monotonic() + 20
        while text not in self.seen[start:]:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            if not self.read():
                raise AssertionError(f"no {text!r} at the end of {self.seen!r}")

    def read(self):
        """What comes next; False at the end."""
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            data = b""
        self.seen += self.characters.decode(data, final=not data)
        return bool(data)

    def type(self, text):
        os.write(self.fd, text.encode())

    def status(self):
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
