"""ENVELOPE, BODYSTRUCTURE and where parts lie, of every message of the corpus, compared with GMime.

contents_tool renders what the IMAP server would say of each message; GMime parses the same file. The
trees must have the same shape, types, parameters, encodings, ids, descriptions and dispositions, every
part that holds no others the same octets of the file, and envelopes the same dates, subjects, ids and
people. Where the two differ for a reason, EXPLAINED names it, and the test for it is in the code
that uses it: a difference that no reason fits fails, and so does a reason that is never needed.
"""

import collections
import itertools
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

TWICE = "Content-Type occurs twice: the first counts here (as in Dovecot), GMime takes the last"
UNFINISHED = "a quoted local part with an atom behind it and no dot: GMime leaves the address out"
# What differs in one message for a reason of its own: (file, what) → why.
EXPLAINED = {
    ("james-mime4j--multi-bad.eml", "shape"): TWICE,
    ("ruby-mail--multiple_content_types.eml", "shape"): TWICE,
    ("spamassassin--badmime2.eml", "shape"): TWICE,
    ("spamassassin--test-pass-08.eml", "parameters"): TWICE,
    ("rspamd--fws_fn.eml", "shape"):
        "a line of one space does not end the header, which swallows a delimiter and a second Content-Type",
    ("stalwart-mail-parser--000.eml", "shape"):
        "a delimiter right behind another: an empty part here, none to GMime",
    ("rfc3464-35.eml", "shape"): "an empty message/rfc822: an empty message here, none to GMime",
    ("james-project--invalid.eml", "parameters"): "a quote that never closes: GMime keeps it in the value",
    ("00204.4cf15f97b8ea08bfafab7d5091b8fbe7.eml", "parameters"):
        "no semicolon before the first parameter: GMime reads none",
    ("lhost-x1-02.eml", "parameters"): "no semicolon before the first parameter: GMime reads none",
    ("MimeKit--stack-overflow.eml", "to"): "a group in a group in a group: only one level is read here",
    ("set-of-emails--rhost-apple-01.eml", "from"): "<address> (name): the comment names nobody to GMime",
    ("lhost-sendmail-24.eml", "to"): "a domain in A-labels, which GMime decodes",
    ("lhost-mfilter-05.eml", "reply-to"): "no address in Reply-To: GMime shows From's",
    ("00439.eacffbae5543e6be58178c0d3eb95041.eml", "reply-to"): UNFINISHED,
    ("00629.5feadfcb7530c08a54c98178600b2f70.eml", "reply-to"): UNFINISHED,
    ("00657.7e326e955029c898a6ddf27e3c79cdf0.eml", "reply-to"): UNFINISHED,
    ("00676.db7b2b22e127c1a69e369bc62f7fcedb.eml", "reply-to"): UNFINISHED,
    ("00861.e8b94fc9514d2d2cbb541b01e2dda726.eml", "reply-to"): UNFINISHED,
    ("00864.26b74488b46463e16a5fa0f521786a48.eml", "reply-to"): UNFINISHED,
    ("00970.4166b8fab10bbf38aa782c311a70ee6b.eml", "reply-to"): UNFINISHED,
    ("00528.a7b02c9abd9fb303615a956bbc4af548.eml", "to"):
        "<address>word, over and over: GMime takes the word for the next one's name",
    ("00557.01f1bd4d6e5236e78268f10a498c4aba.eml", "from"): "address: <address>, a group to GMime, a name here",
}


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
            self.same(name, *without_malformed([person(each) for each in mine or []],
                                               [each and (bare(each[0]), bare(each[1])) for each in other]))


STRICT = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([\w-]+(\.[\w-]+)*|\[[^\]]*\])", re.ASCII)


def person(address):
    """(name, address, whether RFC 5322 allows it without quotes), or a group's name, or None."""
    name, _, local, domain = address
    if domain is None:
        return local and ("group", plain(decoded(local, GMime.utils_header_decode_phrase)), True)
    address = f"{local}@{domain}" if domain else local
    return bare(decoded(name, GMime.utils_header_decode_phrase)), bare(address), bool(STRICT.fullmatch(address))


def bare(address):
    """IMAP tells an address without its quotes, GMime with them."""
    return re.sub(r'[\\"]', "", plain(address))


def without_malformed(ours, theirs):
    """Both lists without what is no address: GMime leaves it out, or cuts it at its second @."""
    left, theirs = [], theirs[:]
    for each in ours:
        if each is None or each[2]:
            left.append(each and each[:2])
        elif len(left) < len(theirs) and theirs[len(left)] and each[1].startswith(theirs[len(left)][1].rstrip(".")):
            del theirs[len(left)]
    return left, theirs


def shape(node):
    name = f"{node['type']}/{node['subtype']}".lower()
    return [name, *(shape(each) for each in node.get("children", []) if not each.get("dummy"))]


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
    for child, at in itertools.zip_longest(node.get("children", []), inside):
        if at is None and len(node["children"]) == 1 and node["type"] == "multipart":
            child["dummy"] = True
        else:
            place_parts(child, parts, octets, at)


def leading_lines(octets):
    """Octets before the first field: GMime takes nothing for a message that does not begin with one."""
    found = re.search(rb"^[!-9;-~]+[ \t]*:", octets, re.M)
    return found.start() if found else None


def compared(answer, octets, path):
    """[(what, ours, theirs)], or None where GMime sees no message at all."""
    ours = structure(parsed(answer["body_structure"]))
    place_parts(ours, answer["parts"], octets)
    without_extension(ours, parsed(answer["body"]))
    skipped = leading_lines(octets)
    if skipped is None:
        return None
    stream = GMime.StreamFs.open(path, os.O_RDONLY, 0)
    stream.seek(skipped, GMime.SeekWhence.SET)
    parser = GMime.Parser.new_with_stream(stream)
    parser.set_persist_stream(True)
    message = parser.construct_message(None)
    comparison = Comparison()
    comparison.tree(ours, oracle(message.get_mime_part()), octets)
    comparison.envelope(parsed(answer["envelope"]), message)
    return comparison.differences


def without_extension(node, body):
    """BODY says the same as BODYSTRUCTURE, without what follows."""
    inside = [each for each in body if isinstance(each, list)] if node["type"] == "multipart" else []
    expected = 1 + len(node["children"]) if inside else {"text": 8}.get(node["type"].lower(), 7)
    if node.get("envelope"):
        expected, inside = 10, [body[8]]
    if len(body) != expected or body[-1 if node["type"] == "multipart" else 1] != node["subtype"]:
        sys.exit(f"BODY {body}")
    for child, each in zip(node.get("children", []), inside):
        without_extension(child, each)


def main():
    if not corpus.place():
        return corpus.absent("what IMAP says of messages was not compared")
    GMime.init()
    sys.setrecursionlimit(20_000)
    messages = list(corpus.edge()) + list(corpus.realistic())
    counts, needed, wrong = collections.Counter(), set(), 0
    with tempfile.TemporaryDirectory(prefix="mime.") as directory:
        paths = [f"{directory}/{number}" for number in range(len(messages))]
        for path, (_, octets) in zip(paths, messages):
            pathlib.Path(path).write_bytes(octets)
        done = subprocess.run([TOOL], input="\n".join(paths), capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in done.stdout.split("\n") if line]
        if len(answers) != len(messages):
            sys.exit(f"{len(answers)} answers to {len(messages)} messages")
        for path, answer, (name, octets) in zip(paths, answers, messages):
            differences = compared(answer, octets, path)
            counts["messages"] += 1
            counts["parts"] += len(answer["parts"])
            if differences is None:
                counts["without a field"] += 1
                continue
            for what, ours, theirs in differences:
                # Who has no Reply-To has From's: a difference there is one here.
                whats = {what, "from"} if what in ("sender", "reply-to") else {what}
                reasons = {(pathlib.PurePath(name).name, each) for each in whats} & EXPLAINED.keys()
                needed |= reasons
                counts["explained" if reasons else "different"] += 1
                if not reasons:
                    wrong += 1
                    print(f"{name}: {what}\n   {ours}\n   {theirs}")
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    if counts["parts"] < len(messages):
        sys.exit("fewer parts than messages: the comparison is worth nothing")
    if EXPLAINED.keys() - needed:
        sys.exit(f"explained, but not so any more: {sorted(EXPLAINED.keys() - needed)}")
    sys.exit(f"{wrong} differ" if wrong else 0)


if __name__ == "__main__":
    main()
