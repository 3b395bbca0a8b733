#include <catch2/catch.hpp>

#include "imap/client_session.hpp"
#include "support/collector.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

imap::ClientSettings settings(const Dialog& dialog) {
    imap::ClientSettings settings;
    // The second is the account of RFC 7677 section 3.
    settings.login = dialog.has("scram") ? "user" : "anne";
    settings.secret = dialog.has("scram") ? "pencil" : "secret";
    settings.nonce = "rOprNGfwEbeRWgbNEkqO";
    settings.bearer = dialog.has("bearer");
    settings.tls_required = !dialog.has("no-tls");
    settings.host = "imap.example.org";
    settings.look = dialog.has("look");
    settings.compress = dialog.has("compress");
    settings.idle = dialog.has("idle");
    settings.renew = std::chrono::seconds(dialog.number("renew", 29 * 60));
    settings.poll = std::chrono::seconds(dialog.number("poll", 30));
    settings.listing = dialog.number("listing", settings.listing);
    settings.window.messages = dialog.number("window", settings.window.messages);
    settings.window.octets = dialog.number("octets", settings.window.octets);
    settings.window.chunk = dialog.number("chunk", settings.window.chunk);
    settings.window.chunk_messages = dialog.number("batch", settings.window.chunk_messages);
    settings.window.message_size = dialog.number("size", settings.window.message_size);
    return settings;
}

}  // namespace

TEST_CASE("IMAP client dialogs go as written, octet by octet and cut at every octet") {
    const std::string directory = std::string(MAILHANDLER_TESTS_DIR) + "/dialogs/imap";
    std::size_t cases = 0;
    for (const auto& file : test::dialog_files(directory)) {
        if (file.find("/client_") == file.npos) continue;
        for (const Dialog& dialog : test::read_dialogs(file, 'C')) {
            ++cases;
            const auto make = [&dialog] {
                const wire::Peer peer{"192.0.2.1", 143, dialog.has("loopback"),
                                      dialog.has("secure")};
                return test::Stage(imap::ClientSession(settings(dialog), peer),
                                   test::ScriptedCollector(dialog));
            };
            const std::string wrong = test::rehearse(dialog, false, make);
            if (!wrong.empty()) FAIL_CHECK(wrong);
        }
    }
    CHECK(cases > 60);
}
