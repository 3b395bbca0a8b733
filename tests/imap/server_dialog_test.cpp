#include <catch2/catch.hpp>

#include "imap/server_session.hpp"
#include "toy_owner.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

imap::Settings settings(const Dialog& dialog) {
    imap::Settings settings;
    settings.hostname = "mail.example.com";
    settings.tls_offered = dialog.has("tls");
    settings.compression = dialog.has("compression");
    settings.errors = dialog.number("errors", settings.errors);
    settings.refused_logins = dialog.number("logins", settings.refused_logins);
    settings.message_size = dialog.number("size", settings.message_size);
    settings.spill = dialog.number("spill", settings.spill);
    settings.batch = dialog.number("batch", settings.batch);
    settings.header_batch = dialog.number("batch", settings.header_batch);
    return settings;
}

}  // namespace

TEST_CASE("IMAP server dialogs go as written, whole, octet by octet and cut at every octet") {
    const std::string directory = std::string(MAILHANDLER_TESTS_DIR) + "/dialogs/imap";
    std::size_t cases = 0;
    for (const auto& file : test::dialog_files(directory)) {
        if (file.find("/server_") == file.npos) continue;
        for (const Dialog& dialog : test::read_dialogs(file, 'S')) {
            ++cases;
            const auto make = [&dialog] {
                const wire::Peer peer{"192.0.2.1", 4711, !dialog.has("remote"),
                                      dialog.has("secure")};
                return test::Stage(imap::ServerSession(settings(dialog), peer),
                                   test::ToyOwner(dialog));
            };
            const std::string wrong = test::rehearse(dialog, !dialog.has("slow"), make);
            if (!wrong.empty()) FAIL_CHECK(wrong);
        }
    }
    CHECK(cases > 3);
}
