"""fetch hands what it sorted to another local server: deliver = "lmtp://…"."""

import collections
import os
import pathlib
import random
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from collecting import Office, message, numbered  # noqa: E402
from pop3d import Pop3d  # noqa: E402
from smtp_sink import SmtpSink  # noqa: E402

KILLS = int(os.environ.get("MAILHANDLER_KILLS", "10"))


def office(pop, lmtp, settings=""):
    made = Office(pop.port, f'deliver = "lmtp://127.0.0.1:{lmtp.port}"\n' + settings)
    (made.root / "domains/example.com.toml").write_text(
        "".join(f"[mailbox.{name}]\n" for name in ("anne", "bob", "later-carl", "full-dora", "bad-eve", "never-fred")))
    return made


def expected(count):
    names = (["anne"], ["bob"], ["anne", "bob"])
    return collections.Counter({(f"{name}@example.com", f"t{n}."): 1 for n in range(count) for name in names[n % 3]})


class Handover(unittest.TestCase):
    def test_each_copy_is_handed_over_once(self):
        with Pop3d(numbered(200)) as pop, SmtpSink(lmtp=True) as lmtp, office(pop, lmtp) as here:
            self.assertEqual(here.fetch(), 0, here.talk)
            self.assertEqual(lmtp.taken, expected(200))
            self.assertEqual(pop.messages, [])
            self.assertEqual(here.files(), [])
            self.assertLess(lmtp.connections, 60)  # many messages over one

    def test_what_it_puts_off_waits_on_the_host_and_what_it_refuses_is_held(self):
        to = ["anne", "later-carl", "full-dora", "bad-eve", "never-fred"]
        one = [("u1", message("one", *(f"{name}@example.com" for name in to)))]
        with Pop3d(one) as pop, SmtpSink(lmtp=True) as lmtp, office(pop, lmtp) as here:
            here.fetch()
            self.assertEqual(len(pop.messages), 1)
            self.assertEqual(here.held(), [])
            self.assertEqual(here.fetch(), 1)  # mail was held
            self.assertEqual(pop.messages, [])
            self.assertEqual(lmtp.taken, {(f"{name}@example.com", "one"): 1 for name in to[:3]})
            held = b"".join(path.read_bytes() for path in here.held())
            self.assertEqual(len(here.held()), 2)
            self.assertIn(b"nobody of this name", held)
            self.assertIn(b"5.6.0 bad", held)

    def test_a_server_that_is_down_leaves_everything_where_it_is(self):
        with Pop3d(numbered(5)) as pop, SmtpSink(lmtp=True) as lmtp, office(pop, lmtp) as here:
            lmtp.stop()
            here.fetch()
            self.assertEqual(len(pop.messages), 5)
            again = SmtpSink(port=lmtp.port, lmtp=True)
            self.addCleanup(again.__exit__)
            self.assertEqual(here.fetch(), 0, here.talk)
            self.assertEqual(again.taken, expected(5))

    def test_killed_at_any_time_nothing_is_lost_and_one_copy_a_kill_comes_twice(self):
        count = 300
        with Pop3d(numbered(count)) as pop, SmtpSink(lmtp=True) as lmtp, office(pop, lmtp) as here:
            for _ in range(KILLS):
                process = here.start()
                time.sleep(random.uniform(0.05, 0.6))
                process.kill()
                process.communicate()
            self.assertEqual(here.fetch(), 0, here.talk)
            self.assertEqual(pop.messages, [])
            self.assertEqual(set(lmtp.taken), set(expected(count)))
            self.assertLessEqual(sum(lmtp.taken.values()) - sum(expected(count).values()), KILLS)


if __name__ == "__main__":
    unittest.main()
