"""The outbound queue's files as tests read and write them: the format of core/store/spool.hpp."""

import json


def waiting(queue):
    """The messages' files, oldest id first."""
    return sorted(queue.glob("*.msg"))


def envelope(path):
    """What is still owed, and to whom: the later envelope where there is one."""
    later = path.with_name(path.name.partition(",")[0] + ".env")
    try:
        return json.loads(later.read_text())
    except FileNotFoundError:
        return json.loads(split(path)[0])


def octets(path):
    """The message. Behind it there may be more in the file, of another one."""
    first, rest = split(path)
    return rest[:json.loads(first)["size"]]


def split(path):
    line, _, rest = path.read_bytes().partition(b"\n")
    assert line.startswith(b"queued 1 "), path
    length = int(line[9:])
    return rest[:length], rest[length:]


def put(queue, key, when, first, content):
    """A message that is due at `when`, for the domain of its first recipient."""
    text = json.dumps(first).encode() + b"\n"
    fresh = queue / f"{key}.new"
    fresh.write_bytes(b"queued 1 %08d\n" % len(text) + text + content)
    destination = first["owed"][0]["address"].rpartition("@")[2]
    fresh.rename(queue / f"{key},{int(when)},{destination}.msg")


def retry(path, when=1):
    """What `queue retry` does: a rename. One that is under way may change its name meanwhile."""
    key, _, destination = path.name.split(",", 2)
    try:
        path.rename(path.with_name(f"{key},{int(when)},{destination}"))
    except FileNotFoundError:
        pass
