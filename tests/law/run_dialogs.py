#!/usr/bin/env python3
"""Every command and every response code of IMAP, at both ends, stands in a dialog (tests/dialogs/imap).

Read off the sources: the verbs of the command table, the codes and untagged responses in the string
literals of core/imap. A verb needs an answer OK (SETQUOTA: NO), one that is BAD, and, where UID may stand
before it, one with UID. Of the client, the commands that it gives and the codes that it looks for. So a command or code that is added without a dialog fails here.
"""

import pathlib
import re
import tempfile
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
VERB = re.compile(r'^    \{"([A-Z]+)", Needs::\w+, &S::\w+((?:, true)*)\}', re.M)
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
CODE = re.compile(r"\[([A-Z][A-Z-]+(?: [A-Z]{4,})?)")
LINE_OF_SELECT = re.compile(r'\bline\("([A-Z]+)"')
UNTAGGED = re.compile(r"^\* ([A-Z]{2,})")
LOOKED_FOR = re.compile(r'(?:any_of|code_argument)\(\w+, (\{[^}]*\}|"[A-Z-]+")\)')
NEVER_OK = {"SETQUOTA"}


def sources(tree, client=False):
    """The server's half of the room, or the client's."""
    for path in sorted((tree / "core/imap").glob("*.cpp")):
        if path.name.startswith("client_") == client:
            yield path.read_text()


def wanted(tree):
    """(verb → may UID stand before it, codes, untagged responses)"""
    verbs, codes, untagged = {}, set(), set()
    for text in sources(tree):
        for name, marks in VERB.findall(text):
            verbs[name] = bool(marks)
        codes.update(LINE_OF_SELECT.findall(text))
        for literal in LITERAL.findall(text):
            codes.update(CODE.findall(literal))
            untagged.update(UNTAGGED.findall(literal))
    codes.discard("BODY")
    return verbs, codes, untagged


def spoken(tree):
    """({(verb, UID, status)}, every line of the server)"""
    seen, server = set(), []
    for path in sorted((tree / "tests/dialogs/imap").glob("server_*.dialog")):
        asked = {}
        for line in path.read_text().splitlines():
            if line.startswith("=="):
                asked = {}
            if found := re.match(r"[Cc]: (\w+) (UID )?([A-Za-z]+)", line):
                asked[found[1]] = (found[3].upper(), bool(found[2]))
            elif found := re.match(r"[Cc]: (\w+) uid ([A-Za-z]+)", line):
                asked[found[1]] = (found[2].upper(), True)
            if line.startswith(("S: ", "s: ")):
                server.append(line[3:])
                found = re.match(r"(\w+) (OK|NO|BAD)\b", line[3:])
                if found and found[1] in asked:
                    seen.add((*asked[found[1]], found[2]))
    return seen, server


def complaints(tree):
    (verbs, codes, untagged), (seen, server), wrong = wanted(tree), spoken(tree), []
    for verb, may_uid in sorted(verbs.items()):
        for status in ("NO" if verb in NEVER_OK else "OK", "BAD"):
            if verb in NEVER_OK and status == "BAD":
                continue
            if not any((verb, uid, status) in seen for uid in (False, True)):
                wrong.append(f"no dialog has {verb} answered {status}")
        if may_uid and not any((verb, True, status) in seen for status in ("OK", "NO")):
            wrong.append(f"no dialog has UID {verb}")
    for code in sorted(codes):
        if not any(re.search(rf"\[{re.escape(code)}[ \]]", line) for line in server):
            wrong.append(f"no dialog has the response code {code}")
    for word in sorted(untagged):
        if not any(line.startswith(f"* {word}") for line in server):
            wrong.append(f"no dialog has the response * {word}")
    return wrong + of_client(tree, verbs)


def of_client(tree, verbs):
    """What is wrong with the client's dialogs."""
    commands, codes, said, heard = set(), set(), set(), set()
    for text in sources(tree, client=True):
        for literal in LITERAL.findall(text):
            words = literal.removeprefix("UID ").split(" ")
            commands.update({words[0]} & (verbs.keys() | {"FETCH", "STORE"}))
        for found in LOOKED_FOR.findall(text):
            codes.update(LITERAL.findall(found))
    for path in (tree / "tests/dialogs/imap").glob("client_*.dialog"):
        for line in path.read_text().splitlines():
            if found := re.match(r"C: \w+ (?:UID )?([A-Z]+)", line):
                said.add(found[1])
            if found := re.match(r"S: (?:\*|\w+) \w+ \[([A-Z-]+)[ \]]", line):
                heard.add(found[1])
    return [f"no dialog has the client's {command}" for command in sorted(commands - said)] + [
        f"no dialog has the response code {code}, which the client looks for" for code in sorted(codes - heard)]


SOURCE = '''const S::Verb S::verbs[] = {
    {"NOOP", Needs::nothing, &S::noop},
    {"FETCH", Needs::selected, &S::fetch, true, true},
};
void f() { no("[CANNOT] x"); out("* LIST ()"); }
'''
DIALOG = """== a
C: a NOOP
S: a OK [CANNOT] x
C: b NOOP x
S: b BAD x
C: c UID FETCH 1 FLAGS
S: * LIST ()
S: c OK x
C: d FETCH
S: d BAD x
"""
CLIENT = 'void g() { send("NOOP"); if (any_of(line, {"LIMIT", "INUSE"})) return; code_argument(line, "ALERT"); }'
CLIENT_DIALOG = """== a
C: a NOOP
S: a NO [LIMIT] x
S: a NO [INUSE] x
S: * OK [ALERT] x
"""
# (a line of the dialog that is taken away, part of the complaint)
PLANTED = [
    ("S: a OK [CANNOT] x\n", "NOOP answered OK"),
    ("S: a OK [CANNOT] x\n", "code CANNOT"),
    ("S: b BAD x\n", "NOOP answered BAD"),
    ("S: c OK x\n", "UID FETCH"),
    ("S: * LIST ()\n", "response * LIST"),
    ("C: a NOOP\n", "the client's NOOP"),
    ("S: a NO [INUSE] x\n", "code INUSE, which"),
    ("S: * OK [ALERT] x\n", "code ALERT, which"),
]


class Dialogs(unittest.TestCase):
    def test_every_command_and_code_stands_in_a_dialog(self):
        verbs, codes, untagged = wanted(TREE)
        self.assertGreater(len(verbs), 30)
        self.assertGreater(len(codes), 30)
        self.assertGreater(len(untagged), 10)
        self.assertEqual(complaints(TREE), [])

    def test_what_is_missing_is_found(self):
        for taken, complaint in [("", None), *PLANTED]:
            with tempfile.TemporaryDirectory() as made, self.subTest(taken):
                tree = pathlib.Path(made)
                (tree / "core/imap").mkdir(parents=True)
                (tree / "tests/dialogs/imap").mkdir(parents=True)
                (tree / "core/imap/server.cpp").write_text(SOURCE)
                (tree / "core/imap/client_login.cpp").write_text(CLIENT)
                for end, dialog in (("server", DIALOG), ("client", CLIENT_DIALOG)):
                    (tree / f"tests/dialogs/imap/{end}_a.dialog").write_text(dialog.replace(taken, "", 1))
                wrong = complaints(tree)
                if complaint is None:
                    self.assertEqual(wrong, [])
                else:
                    self.assertTrue(any(complaint in each for each in wrong), wrong)


if __name__ == "__main__":
    unittest.main()
