"""fetch that goes on until it is told to stop: --watch, the schedules of serve, and SIGTERM in the
midst of a run.
"""

import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from collecting import BINARY, DONE, LATER, Office, numbered, wait_for, wanted  # noqa: E402
from pop3d import Pop3d  # noqa: E402


class Schedule(unittest.TestCase):
    def test_sigterm_makes_safe_what_has_come(self):
        started = threading.Event()

        def slow(session, line):
            started.set()
            time.sleep(0.5)

        with Pop3d(numbered(200), pipelining=False) as server, Office(server.port) as office:
            server.hooks["RETR 100"] = slow
            process = office.start()
            self.assertTrue(started.wait(20))
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
            self.assertEqual(process.returncode, LATER)
            self.assertLess(len(server.messages), 150)
            server.hooks.clear()
            self.assertEqual(office.fetch(), DONE)
            self.assertEqual(office.copies(), wanted(200))

    def test_watch_collects_again_and_again_until_it_is_told_to_stop(self):
        with Pop3d(numbered(3)) as server, Office(server.port, 'every = "1s"\n') as office:
            process = office.start("--watch")
            wait_for(self, lambda: office.copies() == wanted(3))
            server.hooks["UIDL"] = lambda *_: b"-ERR [SYS/TEMP] later\r\n"
            wait_for(self, lambda: server.sessions >= 3)
            server.hooks.clear()
            with server.lock:
                server.messages += numbered(3, first=3)
            wait_for(self, lambda: office.copies() == wanted(6))
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
            self.assertEqual(process.returncode, DONE)

    def test_serve_collects_by_its_schedule_and_takes_up_new_files(self):
        with Pop3d(numbered(3)) as server, Office(server.port, 'every = "1s"\n') as office:
            file = office.root / "fetch/office.toml"
            text = file.read_text()
            file.unlink()
            process = subprocess.Popen([BINARY, "--root", str(office.root), "serve"],
                                       stderr=subprocess.PIPE, text=True)
            try:
                time.sleep(0.5)
                file.write_text(text)
                wait_for(self, lambda: office.copies() == wanted(3))
                with server.lock:
                    server.messages += numbered(3, first=3)
                wait_for(self, lambda: office.copies() == wanted(6))
                file.write_text("this is no TOML")
                file.write_text(text.replace('"secret"', '"nothing"'))
                time.sleep(0.3)
                file.unlink()
                time.sleep(0.5)
                sessions = server.sessions
                time.sleep(1.5)
                self.assertEqual(server.sessions, sessions)
            finally:
                process.terminate()
                talk = process.communicate(timeout=20)[1]
            self.assertEqual(process.returncode, 0)
            self.assertIn("3 messages", talk)


if __name__ == "__main__":
    unittest.main()
