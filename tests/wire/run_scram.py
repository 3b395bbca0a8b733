"""SCRAM-SHA-256 against gsasl as the server: passwords and logins of many kinds, right and wrong.

Without gsasl the test says so and is skipped (77).
"""
import base64
import os
import random
import shutil
import string
import subprocess
import sys

TOOL = os.environ.get("SCRAM_TOOL", "build/tests/scram_tool")
CASES = int(os.environ.get("CASES", "40"))
SEED = int(os.environ.get("SEED", str(random.randrange(1 << 32))))

if not shutil.which("gsasl"):
    print("SKIPPED: gsasl is not installed, so nothing was compared", file=sys.stderr)
    sys.exit(77)


def start(words):
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, bufsize=1)


def say(process, line):
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass


def exchange(login, password, theirs, iterations):
    """Logs our client in to gsasl. Returns our exit status and all that the server printed."""
    server = start(["stdbuf", "-oL", "gsasl", "--server", "--mechanism", "SCRAM-SHA-256", "--quiet",
                    "--password", theirs, "--iteration-count", str(iterations)])
    nonce = "".join(random.choices(string.ascii_lowercase + string.digits, k=25))
    client = start([TOOL, login, password, nonce])
    said = []

    def answer():
        for line in server.stdout:
            said.append(line)
            if line.strip() and not line.startswith(("Using", "SCRAM", "Output", "Enter", "Server")):
                return line.strip()
        return ""

    try:
        say(server, client.stdout.readline().strip())
        say(client, answer())
        say(server, client.stdout.readline().strip())
        outcome = answer()
        say(client, outcome)
        return client.wait(20), base64.b64decode(outcome or "").decode(errors="replace")
    finally:
        for process in (server, client):
            process.kill()
            process.communicate()


def word(rng, letters, longest):
    return "".join(rng.choice(letters) for _ in range(rng.randint(1, longest)))


def main():
    rng = random.Random(SEED)
    wrong = []
    for number in range(CASES):
        login = word(rng, "abcXYZ09.@,=+-_ ", 30).strip() or "a"
        password = word(rng, string.ascii_letters + string.digits + " !,=%/+\"\\", 80).strip() or "p"
        theirs = password if number % 4 else password + "x"
        status, outcome = exchange(login, password, theirs, rng.choice([1, 2, 4096, 10000]))
        good = status == 0 and outcome.startswith("v=")
        if good != (theirs == password):
            wrong.append(f"{login!r} {password!r} {theirs!r}: {status} {outcome!r}")
    print(f"{CASES} logins against gsasl, seed {SEED}, {len(wrong)} wrong")
    for line in wrong[:10]:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
