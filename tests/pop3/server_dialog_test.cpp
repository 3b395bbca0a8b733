#include <catch2/catch.hpp>

#include "scripted_owner.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

pop3::Settings settings(const Dialog& dialog) {
    pop3::Settings settings;
    settings.hostname = "mail.example.com";
    settings.tls_offered = dialog.has("tls");
    settings.errors = dialog.number("errors", settings.errors);
    settings.refused_logins = dialog.number("logins", settings.refused_logins);
    settings.batch = dialog.number("batch", settings.batch);
    settings.batch_octets = dialog.number("batch-octets", settings.batch_octets);
    return settings;
}

}  // namespace

TEST_CASE("POP3 server dialogs go as written, whole, octet by octet and cut at every octet") {
    const std::string directory = std::string(MAILHANDLER_TESTS_DIR) + "/dialogs/pop3";
    std::size_t cases = 0;
    for (const auto& file : test::dialog_files(directory)) {
        if (file.find("/server_") == file.npos) continue;
        for (const Dialog& dialog : test::read_dialogs(file, 'S')) {
            ++cases;
            const auto make = [&dialog] {
                const wire::Peer peer{"192.0.2.1", 4711, !dialog.has("remote"),
                                      dialog.has("secure")};
                return test::Stage(pop3::ServerSession(settings(dialog), peer),
                                   test::ScriptedServerOwner(dialog));
            };
            const std::string wrong = test::rehearse(dialog, true, make);
            if (!wrong.empty()) FAIL_CHECK(wrong);
        }
    }
    CHECK(cases > 30);
}
