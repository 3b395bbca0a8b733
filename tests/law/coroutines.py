"""Looks for what g++ 12 gets wrong in coroutines: a temporary that is destroyed twice.

An aggregate or a capturing lambda that lives as a temporary in a full expression with co_await may
be destroyed twice (GCC bug 99576 and its family). The compiler says nothing; the program crashes
much later. So no full expression with co_await, or with co_spawn, may hold

    Type{…}             a brace temporary                  → a named local, std::move
    [x]{…}              a lambda that captures             → a named local, std::move
    c ? co_await a : b  a choice with co_await in it       → if/else
    Type t{co_await …}  an aggregate made from a co_await  → a named local first

The reader knows tokens, not types: it splits a file into full expressions at `;`, `{` and `}` of
statements, keeping the braces and parentheses inside an expression with it. A lambda's body is
statements again, read for itself. What it cannot tell apart it reports; name the value instead.
"""

import pathlib
import re

TOKEN = re.compile(r"""
      (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<raw>(?:u8|[uUL])?R"(?P<tag>[^()\\\s]*)\(.*?\)(?P=tag)")
    | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
    | (?P<char>'(?:\\.|[^'\\\n])+')
    | (?P<directive>^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*)
    | (?P<number>\.?\d(?:'?[\w.])*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<mark>::|->|&&|\|\||<<|[^\s])
""", re.VERBOSE | re.DOTALL | re.MULTILINE)

SKIPPED = {"comment", "directive"}
CLOSER = {"(": ")", "[": "]", "{": "}"}
# before `[`: an index, not a lambda (an attribute is `[[`)
INDEXED = re.compile(r"[\w\])]")
NOT_INDEXED = {"return", "co_return", "co_await", "co_yield", "case", "throw", "else", "do"}
STATEMENT_WORDS = {"if", "for", "while", "switch", "catch", "else", "do", "try", "namespace", "class",
                   "struct", "union", "enum", "extern"}


def tokens(text):
    """(text, line) of everything but comments, directives and space; strings become \"\"."""
    line, at = 1, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        kind = match.lastgroup if match.lastgroup != "tag" else "raw"
        if kind in SKIPPED:
            continue
        yield ('""' if kind in ("raw", "string", "char") else match.group()), line


def closing(stream, at):
    """The index of what closes the bracket at `at`."""
    depth = 0
    for i in range(at, len(stream)):
        word = stream[i][0]
        if word in CLOSER:
            depth += 1
        elif word in CLOSER.values():
            depth -= 1
            if depth == 0:
                return i
    return len(stream) - 1


def is_lambda(stream, at):
    """Whether the `[` at `at` begins a lambda: not an index, an attribute or a binding."""
    if at + 1 < len(stream) and stream[at + 1][0] == "[":
        return False
    before = stream[at - 1][0] if at else ";"
    if before == "[" or before in ("auto", "&", "&&") and at >= 2 and stream[at - 2][0] == "auto":
        return False
    if before == "auto":
        return False
    return before in NOT_INDEXED or not INDEXED.fullmatch(before[-1])


def lambda_body(stream, at):
    """For a lambda whose `[` is at `at`: the indices of its body's braces, or None."""
    i = closing(stream, at) + 1
    while i < len(stream):
        word = stream[i][0]
        if word == "{":
            return i, closing(stream, i)
        if word in ("(", "["):
            i = closing(stream, i) + 1
        elif word in (";", ")", "}", ","):
            return None
        else:
            i += 1
    return None


class Reader:
    def __init__(self, name):
        self.name = name
        self.found = []

    def complain(self, line, what):
        self.found.append(f"{self.name}:{line}: {what}")

    def statements(self, stream):
        """Splits into full expressions and judges each; blocks are read in turn."""
        i, start = 0, 0
        while i < len(stream):
            word = stream[i][0]
            if word == ";":
                self.expression(stream[start:i])
                start = i = i + 1
            elif word in ("(", "["):
                i = self.bracket(stream, start, i)
            elif word == "{":
                if self.opens_block(stream, start, i):
                    self.expression(stream[start:i])
                    end = closing(stream, i)
                    self.statements(stream[i + 1:end])
                    start = i = end + 1
                else:
                    i = closing(stream, i) + 1
            else:
                i += 1
        self.expression(stream[start:])

    def bracket(self, stream, start, at):
        """Past a bracket; past a lambda's body too."""
        if stream[at][0] == "[" and is_lambda(stream, at):
            body = lambda_body(stream, at)
            if body:
                return body[1] + 1
        head = stream[at - 1][0] if at else ""
        end = closing(stream, at)
        # The parts of for (…;…;…) are full expressions, and so is a condition: apart from what follows.
        if stream[at][0] == "(" and (head in ("for", "while", "if", "switch", "constexpr")):
            self.statements(stream[at + 1:end])
            for j in range(at, end + 1):
                stream[j] = ("()", stream[j][1])
        return end + 1

    @staticmethod
    def opens_block(stream, start, at):
        """Whether the `{` at `at` begins a block of statements rather than a value."""
        head = [word for word, _ in stream[start:at]]
        if not head or head[-1] in (":", "else", "do", "try", "()", ")") \
                or head[-1] in ("const", "noexcept", "override", "final", "mutable"):
            return True
        if any(word in STATEMENT_WORDS for word in head) and "=" not in head and "(" not in head:
            return True
        # `auto f() -> Task<T> {`
        return "->" in head and ")" in head and head.index(")") < head.index("->") \
            and "co_await" not in head and "=" not in head

    def expression(self, stream):
        """Judges one full expression; the bodies of its lambdas are read as statements."""
        own, i = [], 0
        lambdas, braces = [], []
        while i < len(stream):
            word, line = stream[i]
            if word == "[" and is_lambda(stream, i):
                body = lambda_body(stream, i)
                if body:
                    captures = stream[i + 1:closing(stream, i)]
                    lambdas.append((line, bool(captures)))
                    self.statements(stream[body[0] + 1:body[1]])
                    own.append(("[]{}", line))
                    i = body[1] + 1
                    continue
            if word == "{":
                braces.append((len(own), line, self.names_declared(own)))
            own.append((word, line))
            i += 1
        words = [word for word, _ in own]
        waits = "co_await" in words
        if not waits and "co_spawn" not in words:
            return
        what = "co_await" if waits else "co_spawn"
        for line, captures in lambdas:
            if captures:
                self.complain(line, f"a capturing lambda in one expression with {what}")
        for at, line, declared in braces:
            self.brace(own, at, line, declared, what)
        if waits and "?" in words:
            self.complain(own[words.index("?")][1], "?: in one expression with co_await")

    @staticmethod
    def names_declared(own):
        """`Type name {`, at the outermost level: a declaration, whose object is no temporary."""
        words = [word for word, _ in own]
        if "(" in words or {"=", "co_await", "return", "co_return", "co_yield", "throw"} & set(words):
            return False
        plain = [word for word in words if re.fullmatch(r"[A-Za-z_]\w*", word)]
        return len(plain) >= 2 and bool(words) and re.fullmatch(r"[A-Za-z_]\w*", words[-1]) is not None

    def brace(self, own, at, line, declared, what):
        end = closing(own, at)
        inside = [word for word, _ in own[at:end]]
        if "co_await" in inside:
            self.complain(line, "an aggregate made from a co_await")
        elif not declared:
            self.complain(line, f"a brace temporary in one expression with {what}")


def faults(text, name="text"):
    reader = Reader(name)
    reader.statements(list(tokens(text)))
    return sorted(set(reader.found))


def sources(tree):
    """Every file of core/ and cmd/ with a coroutine in it, and all of core/net and core/run."""
    tree = pathlib.Path(tree)
    for top in ("cmd", "core"):
        for path in sorted((tree / top).rglob("*")):
            if path.suffix not in (".cpp", ".hpp"):
                continue
            room = path.relative_to(tree).parts[1]
            text = path.read_text()
            if room in ("net", "run") or "co_await" in text or "co_spawn" in text:
                yield path, text


def faults_of(tree):
    found = []
    for path, text in sources(tree):
        found += faults(text, str(path.relative_to(tree)))
    return found
