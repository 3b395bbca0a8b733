"""Reads what strace saw a server do and says where it acknowledged mail before it was on disk.

breaches(trace, copies) takes the output of `strace -f -yy -s N` (CALLS are the calls it needs) and,
for each message, the number of copies that must have been stored. A message is known by a line
"X-Token: <token>" in it. For every 250 that answers the end of DATA it asks, of each copy:

    mkdir of every directory above it   → fsync of that directory's parent ┐
    last write → fsync or fdatasync of the file → rename into new/         ├→ 250
                                                → fsync of new/            ┘

Each arrow means "ended before … began"; strace's order of entries and exits is the order of events.
"""

import codecs
import re

CALLS = ("openat,fsync,fdatasync,syncfs,?rename,?renameat,renameat2,?link,linkat,sendto,sendmsg,write,"
         "writev,pwrite64,copy_file_range,recvfrom,recvmsg,read,readv,?mkdir,mkdirat,close")

LINE = re.compile(r"^(?:\[pid +)?(\d+)\]? +(.*)$")
RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
CALL = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+|\?)(.*)$", re.S)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
FD = re.compile(r"^(?:\d+|AT_FDCWD)<(.*?)>(?=[,)]|$)")
TOKEN = re.compile(rb"^X-Token: (\S+)\r$", re.M)
REPLY = re.compile(rb"^(\d\d\d)([ -])", re.M)


class Call:
    """One system call: when it began and ended (line numbers), its name, arguments and result."""

    def __init__(self, began, ended, name, arguments, result):
        self.began, self.ended, self.name = began, ended, name
        self.arguments, self.ok = arguments, not result.startswith(("-", "?"))

    def fd(self):
        """What the first argument's descriptor is: a path or "TCP:[…]"."""
        match = FD.match(self.arguments)
        return match[1] if match else ""

    def data(self):
        return b"".join(codecs.escape_decode(s.encode())[0] for s in STRING.findall(self.arguments))

    def paths(self):
        """The path arguments, each joined to the directory descriptor before it."""
        found, directory = [], ""
        for fd, text in re.findall(r'(?:\d+|AT_FDCWD)<([^>]*)>|"((?:[^"\\]|\\.)*)"', self.arguments):
            if fd:
                directory = fd
            else:
                path = codecs.escape_decode(text.encode())[0].decode("utf-8", "surrogateescape")
                found.append(path if path.startswith("/") or not directory else f"{directory}/{path}")
        return found


def calls(trace):
    """The calls of a trace, in the order in which they ended."""
    unfinished, found = {}, []
    for number, line in enumerate(trace.splitlines()):
        match = LINE.match(line)
        if not match:
            continue
        thread, text = match[1], match[2]
        began = number
        if text.endswith("<unfinished ...>"):
            unfinished[thread] = (number, text[:-len("<unfinished ...>")].rstrip(" "))
            continue
        resumed = RESUMED.match(text)
        if resumed:
            began, head = unfinished.pop(thread, (number, ""))
            text = head + resumed[1]
        call = CALL.match(text)
        if call:
            found.append(Call(began, number, call[1], call[2], call[3]))
    return found


class Copy:
    """One file that holds a message: its name in tmp/, and in new/ once renamed."""

    def __init__(self, path):
        self.tmp, self.new, self.renamed, self.written = path, None, None, None


class Conversation:
    """One connection: the tokens received and, for each 354, when the reply after it was sent."""

    def __init__(self):
        self.received, self.sent, self.in_data, self.answers = b"", b"", False, []

    def send(self, data, began):
        self.sent += data
        while b"\r\n" in self.sent:
            line, self.sent = self.sent.split(b"\r\n", 1)
            if self.in_data and REPLY.match(line):
                self.answers.append((line[:3], began))
                self.in_data = False
            elif line.startswith(b"354"):
                self.in_data = True

    def answered(self):
        tokens = [t.decode() for t in TOKEN.findall(self.received)]
        return list(zip(tokens, self.answers))


class Reader:
    def __init__(self, trace):
        self.copies, self.by_path = {}, {}  # token → copies; path now → copy
        self.syncs, self.made, self.talk = [], [], {}
        for call in calls(trace):
            if call.ok:
                self.see(call)

    def see(self, call):
        fd = call.fd()
        if call.name in ("fsync", "fdatasync", "syncfs"):
            self.syncs.append((None if call.name == "syncfs" else fd, call.began, call.ended))
        elif call.name in ("mkdir", "mkdirat"):
            self.made.append((call.paths()[-1], call.ended))
        elif call.name.startswith("rename"):
            self.rename(call)
        elif fd.startswith("TCP"):
            conversation = self.talk.setdefault(fd, Conversation())
            if call.name.startswith(("send", "write")):
                conversation.send(call.data(), call.began)
            elif call.name.startswith(("recv", "read")):
                conversation.received += call.data()
        elif call.name.startswith(("write", "pwrite", "copy_file_range")):
            self.write(call, fd)

    def write(self, call, fd):
        if call.name == "copy_file_range":  # (in, …, out, …): the second descriptor is written
            fd = re.findall(r"\d+<([^>]*)>", call.arguments)[1]
        for token in TOKEN.findall(call.data()):
            if "/tmp/" in fd and fd not in self.by_path:
                self.by_path[fd] = Copy(fd)
                self.copies.setdefault(token.decode(), []).append(self.by_path[fd])
        if fd in self.by_path:
            self.by_path[fd].written = call

    def rename(self, call):
        source, target = call.paths()[:2]
        copy = self.by_path.pop(source, None)
        if copy and "/new/" in target:
            copy.new, copy.renamed = target, call
        if copy:
            self.by_path[target] = copy

    def synced(self, path, after, before):
        return any((p is None or p == path) and began > after and ended < before
                   for p, began, ended in self.syncs)

    def of_copy(self, copy, sent):
        if not copy.renamed or copy.renamed.ended > sent:
            return "250 before the rename into new/"
        if copy.written.ended > copy.renamed.began:
            return "written after it was renamed"
        if not self.synced(copy.tmp, copy.written.ended, copy.renamed.began):
            return "renamed before its data was synced"
        directory = copy.new.rpartition("/")[0]
        if not self.synced(directory, copy.renamed.ended, sent):
            return "250 before new/ was synced after the rename"
        for made, when in self.made:
            parent = made.rpartition("/")[0]
            if (directory + "/").startswith(made + "/") and not self.synced(parent, when, sent):
                return f"250 before the entry of {made} was synced"
        return None


def breaches(trace, copies):
    """What is wrong, a line each; empty when every message of `copies` ({token: number of copies})
    was acknowledged with 250 and each copy was durable by then."""
    reader, wrong, seen = Reader(trace), [], set()
    for conversation in reader.talk.values():
        for token, (code, sent) in conversation.answered():
            if code != b"250":
                continue
            seen.add(token)
            found = reader.copies.get(token, [])
            if len(found) != copies.get(token, 1):
                wrong.append(f"{token}: {len(found)} copies written, not {copies.get(token, 1)}")
            wrong += [f"{token}: {why}" for why in (reader.of_copy(c, sent) for c in found) if why]
    return wrong + [f"{token}: never acknowledged" for token in copies if token not in seen]
