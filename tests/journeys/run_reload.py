"""A configuration that changes under a running server: what is in force, and when."""

import pathlib
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import host  # noqa: E402

WITH_ANNE = "[mailbox.anne]\n"
SOON = 1.0  # the contract: changes are picked up within a second


class Reload(unittest.TestCase):
    def setUp(self):
        self.server = host.Host({"example.com": host.CATCH_ALL, "other.org": host.CATCH_ALL}, tls=True)
        self.addCleanup(self.server.__exit__)
        self.client = host.Client(self.server.ports["smtp"])
        self.addCleanup(self.client.close)

    def asked(self, address):
        """The reply to RCPT in a transaction of its own: it keeps the snapshot it began with."""
        reply = host.code_of(self.client.begin(address)[0])
        self.client.ask("RSET")
        return reply

    def becomes(self, address, reply, seconds=SOON):
        """How long it took until RCPT was answered so."""
        began = time.monotonic()
        self.assertTrue(host.until(lambda: self.asked(address) == reply, seconds),
                        f"{address} is still answered {self.asked(address)}, not {reply}")
        return time.monotonic() - began

    def stays(self, address, reply, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertEqual(self.asked(address), reply)
            time.sleep(0.05)

    def test_a_domain_is_added_edited_broken_mended_and_removed(self):
        self.assertEqual(self.asked("zzz@new.example"), "550 5.7.1")
        self.server.domain("new.example", host.CATCH_ALL)
        times = [self.becomes("zzz@new.example", "250 2.1.5")]
        self.server.domain("new.example", WITH_ANNE)
        times.append(self.becomes("zzz@new.example", "550 5.1.1"))
        print(f"in force after {times[0] * 1000:.0f} and {times[1] * 1000:.0f} ms", file=sys.stderr)

        self.server.domain("new.example", "[mailbox.anne\n")
        self.assertTrue(self.server.said("its last version stays in force"))
        self.assertEqual(self.asked("anne@new.example"), "250 2.1.5")
        self.assertEqual(self.asked("zzz@new.example"), "550 5.1.1")
        self.server.domain("new.example", host.CATCH_ALL)
        self.becomes("zzz@new.example", "250 2.1.5")

        (self.server.path / "domains/new.example.toml").unlink()
        began = time.monotonic()
        self.stays("zzz@new.example", "250 2.1.5", 4.0)
        self.becomes("zzz@new.example", "550 5.7.1", 3.0)
        self.assertGreater(time.monotonic() - began, 4.8)
        self.assertEqual(self.asked("zzz@example.com"), "250 2.1.5")

    def test_a_file_written_in_place_a_link_and_a_replacement_are_taken_up(self):
        path = self.server.path / "domains/example.com.toml"
        path.write_text(WITH_ANNE)
        self.becomes("zzz@example.com", "550 5.1.1")
        path.unlink()
        self.server.domain("example.com", host.CATCH_ALL)  # gone for a moment: only replaced
        self.becomes("zzz@example.com", "250 2.1.5")
        elsewhere = self.server.path / "elsewhere.toml"
        elsewhere.write_text(WITH_ANNE)
        fresh = path.with_name(".link")
        fresh.symlink_to(elsewhere)
        fresh.rename(path)
        self.becomes("zzz@example.com", "550 5.1.1")

    def test_remove_domain_is_in_force_at_once(self):
        import subprocess
        began = time.monotonic()
        done = subprocess.run([host.BINARY, "--root", str(self.server.path), "remove-domain", "other.org"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.becomes("zzz@other.org", "550 5.7.1", SOON)
        self.assertLess(time.monotonic() - began, 3)

    def test_a_transaction_keeps_what_was_in_force_when_it_began(self):
        with host.Client(self.server.ports["smtp"]) as under_way:
            under_way.begin("x@example.com")
            self.server.domain("example.com", WITH_ANNE)
            self.becomes("zzz@example.com", "550 5.1.1")
            self.assertEqual(host.code_of(under_way.ask("RCPT TO:<y@example.com>")), "250 2.1.5")
            self.assertEqual(under_way.ask("DATA")[:3], "354")
            self.assertEqual(under_way.ask("Subject: s\r\n\r\ntext\r\n.")[:3], "250")
        self.assertEqual(len(self.server.messages()), 2)

    def test_the_server_file_is_taken_up_or_keeps_its_last_version(self):
        ports = dict(self.server.ports, lmtp=host.free_port())
        self.server.server(ports, host.TLS + "\n[limits]\nrecipients = 1\n")
        self.assertTrue(self.server.said(f"listening: lmtp 127.0.0.1:{ports['lmtp']}"))
        with host.Client(ports["lmtp"], "LHLO client.example") as lmtp:
            self.assertEqual(lmtp.begin("x@example.com")[0][:3], "250")
            self.assertEqual(host.code_of(lmtp.ask("RCPT TO:<y@example.com>")), "452 4.5.3")
            # A listener that is closed leaves its connections alone.
            self.server.server(self.server.ports, host.TLS)
            self.assertTrue(self.server.said("no longer listening: lmtp"))
            with self.assertRaises(OSError):
                host.Client(ports["lmtp"]).close()
            self.assertEqual(lmtp.ask("DATA")[:3], "354")
            self.assertEqual(lmtp.ask("Subject: s\r\n\r\ntext\r\n.")[:3], "250")
        self.server.write("mailhandler.toml", "hostname = \n")
        self.assertTrue(self.server.said("mailhandler.toml cannot be loaded; its last version"))
        with host.Client(self.server.ports["smtp"]) as again:
            self.assertTrue(again.greeting.startswith("220 mail.example.com"))

    def test_a_listener_that_cannot_be_opened_is_said_and_the_others_serve(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            ports = dict(self.server.ports, lmtp=taken.getsockname()[1])
            self.server.server(ports, host.TLS)
            self.assertTrue(self.server.said("cannot listen"))
            self.assertEqual(self.asked("zzz@example.com"), "250 2.1.5")
        # The port is free now: SIGHUP, or the next change, opens it.
        self.server.signal(signal.SIGHUP)
        self.assertTrue(self.server.said(f"listening: lmtp 127.0.0.1:{ports['lmtp']}"))

    def test_sighup_looks_at_everything_and_interrupts_nobody(self):
        self.client.begin("x@example.com")
        self.server.signal(signal.SIGHUP)
        self.server.domain("example.com", WITH_ANNE)
        time.sleep(0.3)
        self.assertEqual(host.code_of(self.client.ask("RCPT TO:<y@example.com>")), "250 2.1.5")
        self.client.ask("RSET")
        self.becomes("zzz@example.com", "550 5.1.1")
        self.assertTrue(self.server.alive())

    def test_a_replaced_certificate_is_used_by_the_next_starttls(self):
        def shown():
            with host.Client(self.server.ports["smtp"]) as client:
                return client.secure()

        before = shown()
        with host.Client(self.server.ports["smtp"]) as secured:
            secured.secure()
            self.server.certificate()
            self.assertTrue(host.until(lambda: shown() != before, 2.5))
            after = shown()
            # The one who came before goes on, and half a pair changes nothing.
            self.assertEqual(secured.ask("EHLO again.example")[:3], "250")
        (self.server.path / "tls/cert.pem").write_text("no certificate\n")
        time.sleep(1.1)
        self.assertEqual(shown(), after)
        self.assertTrue(self.server.alive())


if __name__ == "__main__":
    unittest.main()
