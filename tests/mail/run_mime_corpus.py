"""ENVELOPE, BODYSTRUCTURE and where parts lie, of every message of the corpus, compared with GMime.

contents_tool renders what the IMAP server would say of each message; GMime parses the same file. The
trees must have the same shape, types, parameters, encodings, ids, descriptions and dispositions, every
part that holds no others the same octets of the file, and envelopes the same dates, subjects, ids and
people. Where the two differ for a reason, EXPLAINED names it, and the test for it is in the code
that uses it: a difference that no reason fits fails, and so does a reason that is never needed.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
import corpus  # noqa: E402

try:
    import gi
except ImportError:
    # Debian's modules belong to Debian's python3, which need not be the first on the path.
    if sys.executable != "/usr/bin/python3":
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("SKIPPED, NOT TESTED: no python3-gi; what IMAP says of messages was not compared", file=sys.stderr)
    sys.exit(77)
gi.require_version("GMime", "3.0")
from gi.repository import GMime  # noqa: E402

TOOL = os.environ.get("CONTENTS_TOOL", HERE.parents[1] / "build" / "tests" / "contents_tool")


# --- what we say -------------------------------------------------------------------------

def parsed(text):
    """IMAP's parenthesised text as lists, str, int and None."""
    at = 0

    def value():
        nonlocal at
        if text[at] == "(":
            at += 1
            found = []
            while text[at] != ")":
                if text[at] == " ":
                    at += 1
                found.append(value())
            at += 1
            return found
        if text[at] == '"':
            match = re.compile(r'"((?:[^"\\\r\n]|\\["\\])*)"').match(text, at)
            at = match.end()
            return re.sub(r"\\(.)", r"\1", match[1])
        if text[at] == "{":
            end = text.index("}\r\n", at)
            size = int(text[at + 1:end])
            at = end + 3 + size
            return text[end + 3:at]
        match = re.compile(r"NIL|\d+").match(text, at)
        at = match.end()
        return None if match[0] == "NIL" else int(match[0])

    found = value()
    if at != len(text):
        raise ValueError(f"behind it: {text[at:at + 40]!r}")
    return found


def pairs(parameters):
    return list(zip(parameters[::2], parameters[1::2])) if parameters else []


def structure(body):
    """BODYSTRUCTURE as a tree of dicts; the lengths of the lists are checked on the way."""
    node = collections.OrderedDict()
    if isinstance(body[0], list):
        children = [each for each in body if isinstance(each, list)]
        children = body[:next(i for i, each in enumerate(body) if not isinstance(each, list))]
        subtype, parameters, disposition, language, location = body[len(children):]
        node.update(type="multipart", subtype=subtype, children=[structure(each) for each in children])
    else:
        kind, subtype, parameters, ident, description, encoding, size = body[:7]
        rest = body[7:]
        node.update(type=kind, subtype=subtype, id=ident, description=description, encoding=encoding, size=size)
        if kind.lower() == "message" and subtype.lower() in ("rfc822", "global"):
            node.update(envelope=rest[0], children=[structure(rest[1])], lines=rest[2])
            rest = rest[3:]
        elif kind.lower() == "text":
            node.update(lines=rest[0])
            rest = rest[1:]
        md5, disposition, language, location = rest
    node.update(parameters=pairs(parameters))
    node.update(disposition=(disposition[0], pairs(disposition[1])) if disposition else None)
    return node



# --- what GMime says -----------------------------------------------------------------------

def oracle(part):
    kind = part.get_content_type()
    node = {"type": kind.get_media_type(), "subtype": kind.get_media_subtype(),
            "parameters": listed(kind.get_parameters()), "children": []}
    disposition = part.get_content_disposition()
    node["disposition"] = (disposition.get_disposition(), listed(disposition.get_parameters())) \
        if disposition else None
    node["id"] = part.get_content_id()
    if isinstance(part, GMime.Multipart):
        node["children"] = [oracle(part.get_part(i)) for i in range(part.get_count())]
    elif isinstance(part, GMime.MessagePart):
        node["message"] = part.get_message()
        if node["message"]:
            node["children"] = [oracle(node["message"].get_mime_part())]
    else:
        node["description"] = part.get_content_description()
        node["encoding"] = ENCODINGS.get(part.get_content_encoding())
        content = part.get_content()
        node["range"] = (content.get_stream().bound_start, content.get_stream().bound_end) if content else None
    return node


ENCODINGS = {GMime.ContentEncoding.DEFAULT: None, getattr(GMime.ContentEncoding, "7BIT"): "7bit",
             getattr(GMime.ContentEncoding, "8BIT"): "8bit", GMime.ContentEncoding.BINARY: "binary",
             GMime.ContentEncoding.BASE64: "base64",
             GMime.ContentEncoding.QUOTEDPRINTABLE: "quoted-printable",
             GMime.ContentEncoding.UUENCODE: "uuencode"}


def listed(parameters):
    return [(each.get_name(), each.get_value())
            for each in (parameters.get_parameter_at(i) for i in range(parameters.length()))]


def people(addresses):
    """A list with the names of groups, and None at the end of one."""
    for each in (addresses.get_address(i) for i in range(addresses.length() if addresses else 0)):
        if isinstance(each, GMime.InternetAddressGroup):
            yield from [("group", each.get_name()), *people(each.get_members()), None]
        else:
            yield each.get_name() or "", each.get_addr() or ""


# --- the comparison --------------------------------------------------------------------------

def plain(text):
    """What two readers of 8-bit header text, or of broken encoded words, must still agree on."""
    return re.sub(r"[^!-~]+", "", text or "")


def decoded(text, how=GMime.utils_header_decode_text):
    return how(None, text.encode("latin-1").decode("utf-8", "replace")) if text else text


def parameter(name, value):
    """(name, text) of a parameter as clients read it (RFC 2231)."""
    if not name.endswith("*"):
        return name.lower(), plain(decoded(value))
    charset, _, text = value.split("'", 2)
    try:
        return name[:-1].lower(), plain(urllib.parse.unquote(text, charset or "us-ascii", "replace"))
    except LookupError:
        return name[:-1].lower(), plain(text)


def parameters(ours):
    found = {}
    for name, value in ours:
        name, value = parameter(name, value)
        found.setdefault(name, value)
    return found


class Comparison:
    def __init__(self):
        self.differences = []

    def same(self, what, ours, theirs):
        if ours != theirs:
            self.differences.append((what, ours, theirs))

    def tree(self, ours, theirs, octets):
        self.same("shape", shape(ours), shape(theirs))
        if self.differences:
            return
        self.node(ours, theirs)

    def node(self, ours, theirs):
        # GMime does not say that a part without a type is us-ascii (RFC 2045 section 5.2).
        default = [] if theirs["parameters"] else [("charset", "us-ascii")]
        self.same("parameters", parameters(ours["parameters"]),
                  {name.lower(): plain(value) for name, value in reversed(theirs["parameters"] or
                  [each for each in default if each in ours["parameters"]])})
        mine, other = ours["disposition"], theirs["disposition"]
        self.same("disposition", mine and (mine[0].lower(), parameters(mine[1])),
                  other and (other[0].lower(), {name.lower(): plain(value) for name, value in reversed(other[1])}))
        if "range" in theirs:
            # None: it has no body at all
            self.same("octets", ours["range"], theirs["range"] or (ours["range"][0],) * 2)
            self.same("id", plain(ours["id"]).strip("<>"), plain(theirs["id"]))
            self.same("description", plain(decoded(ours["description"])), plain(theirs["description"]))
            self.same("encoding", re.sub("^x-uu", "uu", ours["encoding"].lower()), theirs["encoding"] or "7bit")
        if "message" in theirs and theirs["message"]:
            self.envelope(ours["envelope"], theirs["message"])
        for mine, other in zip(ours.get("children", []), theirs["children"]):
            self.node(mine, other)

    def envelope(self, ours, message):
        date, subject, sender_from, sender, reply_to, to, cc, bcc, in_reply_to, message_id = ours
        self.same("date", plain(date), plain(message.get_header("Date")))
        self.same("subject", plain(decoded(subject)), plain(message.get_header("Subject")))
        self.same("in-reply-to", plain(in_reply_to), plain(message.get_header("In-Reply-To")))
        self.same("message-id", plain(message_id), plain(message.get_header("Message-ID")))
        theirs = [list(people(get())) for get in (message.get_from, message.get_sender, message.get_reply_to,
                                                 message.get_to, message.get_cc, message.get_bcc)]
        for i in (1, 2):
            theirs[i] = theirs[i] or theirs[0]
        for name, mine, other in zip(("from", "sender", "reply-to", "to", "cc", "bcc"),
                                     (sender_from, sender, reply_to, to, cc, bcc), theirs):
            self.same(name, [person(each) for each in mine or []],
                      [each and tuple(map(plain, each)) for each in other])


def person(address):
    name, _, local, domain = address
    if domain is None:
        return local and ("group", plain(decoded(local, GMime.utils_header_decode_phrase)))
    return (plain(decoded(name, GMime.utils_header_decode_phrase)), plain(f"{local}@{domain}" if domain else local))


def shape(node):
    name = f"{node['type']}/{node['subtype']}".lower()
    return [name, *map(shape, node["children"])] if node.get("children") else [name]


def place_parts(node, parts, octets, index=0):
    """Gives each node of a BODYSTRUCTURE the octets of its part, and checks its sizes by them."""
    part = parts[index]
    node["range"] = (part["begin"], part["end"])
    body = octets[part["begin"]:part["end"]]
    if "size" in node and node["size"] != len(body):
        sys.exit(f"size {node['size']}, {len(body)} octets")
    if "lines" in node and node["lines"] != body.count(b"\n"):
        sys.exit(f"{node['lines']} lines, {body.count(b'%c' % 10)} line ends")
    # A multipart without parts shows one that is not there.
    inside = [i for i, each in enumerate(parts) if each["parent"] == index]
    for child, at in zip(node.get("children", []), inside):
        place_parts(child, parts, octets, at)


def main():
    if not corpus.place():
        return corpus.absent("what IMAP says of messages was not compared")
    GMime.init()
    sys.setrecursionlimit(20_000)
    messages = list(corpus.edge()) + list(corpus.realistic())
    counts = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="mime.") as directory:
        paths = [f"{directory}/{number}" for number in range(len(messages))]
        for path, (_, octets) in zip(paths, messages):
            pathlib.Path(path).write_bytes(octets)
        done = subprocess.run([TOOL], input="\n".join(paths), capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in done.stdout.split("\n") if line]
        if len(answers) != len(messages):
            sys.exit(f"{len(answers)} answers to {len(messages)} messages")
        for path, answer, (name, octets) in zip(paths, answers, messages):
            ours = structure(parsed(answer["body_structure"]))
            place_parts(ours, answer["parts"], octets)
            parsed(answer["body"])
            parser = GMime.Parser.new_with_stream(GMime.StreamFs.open(path, os.O_RDONLY, 0))
            parser.set_persist_stream(True)
            message = parser.construct_message(None)
            if message is None:
                counts["no message"] += 1
                print(name, "no message", octets[:60])
                continue
            comparison = Comparison()
            comparison.tree(ours, oracle(message.get_mime_part()), octets)
            comparison.envelope(parsed(answer["envelope"]), message)
            for what, mine, theirs in comparison.differences:
                counts[what] += 1
                print(f"{name}: {what}\n   {mine}\n   {theirs}")
    print(counts, len(messages))


if __name__ == "__main__":
    main()
