#include <catch2/catch.hpp>

#include "scripted_owner.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

pop3::ClientSettings settings(const Dialog& dialog) {
    pop3::ClientSettings settings;
    settings.login = "anne";
    settings.secret = dialog.has("long") ? std::string(200, 'x') : "secret";
    settings.bearer = dialog.has("bearer");
    settings.tls_required = !dialog.has("no-tls");
    settings.host = "pop.example.org";
    settings.listing = dialog.number("listing", settings.listing);
    settings.window.messages = dialog.number("window", settings.window.messages);
    settings.window.octets = dialog.number("octets", settings.window.octets);
    settings.window.chunk = dialog.number("chunk", settings.window.chunk);
    settings.window.chunk_messages = dialog.number("batch", settings.window.chunk_messages);
    settings.window.message_size = dialog.number("size", settings.window.message_size);
    return settings;
}

}  // namespace

TEST_CASE("POP3 client dialogs go as written, octet by octet and cut at every octet") {
    const std::string directory = std::string(MAILHANDLER_TESTS_DIR) + "/dialogs/pop3";
    std::size_t cases = 0;
    for (const auto& file : test::dialog_files(directory)) {
        if (file.find("/client_") == file.npos) continue;
        for (const Dialog& dialog : test::read_dialogs(file, 'C')) {
            ++cases;
            const auto make = [&dialog] {
                const wire::Peer peer{"192.0.2.1", 110, dialog.has("loopback"),
                                      dialog.has("secure")};
                return test::Stage(pop3::ClientSession(settings(dialog), peer),
                                   test::ScriptedClientOwner(dialog));
            };
            const std::string wrong = test::rehearse(dialog, false, make);
            if (!wrong.empty()) FAIL_CHECK(wrong);
        }
    }
    CHECK(cases > 30);
}
