#include <catch2/catch.hpp>

#include "scripted_owner.hpp"

using namespace mailhandler;
using test::Dialog;

namespace {

smtp::Settings settings(const Dialog& dialog) {
    smtp::Settings settings;
    settings.hostname = "mail.example.com";
    if (dialog.has("lmtp")) settings.service = smtp::Service::lmtp;
    if (dialog.has("submission")) settings.service = smtp::Service::submission;
    settings.tls_offered = dialog.has("tls");
    settings.auth_offered = dialog.has("auth");
    settings.message_size = dialog.number("size", settings.message_size);
    settings.recipients = dialog.number("recipients", settings.recipients);
    settings.spill = dialog.number("spill", settings.spill);
    settings.errors = dialog.number("errors", settings.errors);
    settings.commands = dialog.number("commands", settings.commands);
    return settings;
}

}  // namespace

TEST_CASE("SMTP dialogs go as written, whole, octet by octet and cut at every octet") {
    const std::string directory = std::string(MAILHANDLER_TESTS_DIR) + "/dialogs/smtp";
    std::size_t cases = 0;
    for (const auto& file : test::dialog_files(directory)) {
        for (const Dialog& dialog : test::read_dialogs(file, 'S')) {
            ++cases;
            const auto make = [&dialog] {
                wire::Peer peer{"192.0.2.1", 4711, dialog.has("loopback"), dialog.has("secure")};
                return test::Stage(smtp::ServerSession(settings(dialog), peer),
                                   test::ScriptedSmtpOwner(dialog, dialog.has("lmtp")));
            };
            const std::string wrong = test::rehearse(dialog, !dialog.has("paced"), make);
            if (!wrong.empty()) FAIL_CHECK(wrong);
        }
    }
    CHECK(cases > 50);
}

TEST_CASE("A client that speaks before the greeting is greeted first and answered then") {
    smtp::Settings settings;
    settings.hostname = "mail.example.com";
    smtp::ServerSession session(settings, wire::Peer{"192.0.2.1", 4711, false, false});
    session.receive("HELO c\r\n");
    REQUIRE(std::holds_alternative<wire::Ask<smtp::Question>>(session.next(Instant{})));
    session.answer({{smtp::Reply{220, "", ""}}});
    const smtp::Action said = session.next(Instant{});
    REQUIRE(std::holds_alternative<wire::Send>(said));
    CHECK(std::get<wire::Send>(said).octets ==
          "220 mail.example.com ESMTP mailhandler\r\n250 mail.example.com greets c\r\n");
}

TEST_CASE("A message of 64 KiB in many blocks is committed octet for octet") {
    smtp::Settings settings;
    smtp::ServerSession session(settings, wire::Peer{"192.0.2.1", 4711, false, false});
    std::string body;
    while (body.size() < 65536) body += std::string(70, 'x') + "\r\n";
    session.receive(
        "EHLO c\r\nMAIL FROM:<a@example.com> SIZE=66000\r\nRCPT TO:<b@example.com>\r\nDATA\r\n");
    test::Dialog dialog;
    test::ScriptedSmtpOwner owner(dialog, false);
    std::string committed;
    const auto run = [&] {
        for (;;) {
            auto action = session.next(Instant{} + std::chrono::seconds(1));
            if (std::holds_alternative<wire::Read>(action)) return;
            auto* ask = std::get_if<wire::Ask<smtp::Question>>(&action);
            if (ask == nullptr) continue;
            if (auto* commit = std::get_if<smtp::Commit>(&ask->question)) committed = commit->rest;
            session.answer(owner.answer(std::move(ask->question)));
        }
    };
    run();
    for (std::size_t at = 0; at < body.size(); at += 8192) {
        session.receive(std::string_view(body).substr(at, 8192));
        run();
    }
    session.receive(".\r\n");
    run();
    CHECK(committed == body);
}
