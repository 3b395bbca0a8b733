#include <catch2/catch.hpp>
#include <sstream>

#include "scripted_client_owner.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

smtp::ClientSettings settings(const Dialog& dialog) {
    using Tls = smtp::ClientSettings::Tls;
    smtp::ClientSettings settings;
    settings.helo = "us.example";
    settings.lmtp = dialog.has("lmtp");
    settings.tls = dialog.has("required") ? Tls::required : Tls::opportunistic;
    settings.secure = dialog.has("secure");
    if (dialog.has("login")) settings.login = "ann", settings.password = "secret";
    if (dialog.has("scram")) {  // of RFC 7677 section 3
        settings.login = "user", settings.password = "pencil";
        settings.nonce = "rOprNGfwEbeRWgbNEkqO";
    }
    return settings;
}

}  // namespace

TEST_CASE("SMTP client dialogs go as written, octet by octet and cut at every octet") {
    const std::string directory = std::string(MAILHANDLER_TESTS_DIR) + "/dialogs/smtp_client";
    std::size_t cases = 0;
    for (const auto& file : test::dialog_files(directory)) {
        for (const Dialog& dialog : test::read_dialogs(file, 'C')) {
            ++cases;
            const auto make = [&dialog] {
                return test::Stage(smtp::ClientSession(settings(dialog)),
                                   test::ScriptedClientOwner(dialog));
            };
            const std::string wrong = test::rehearse(dialog, false, make);
            if (!wrong.empty()) FAIL_CHECK(wrong);
        }
    }
    CHECK(cases > 15);
}
