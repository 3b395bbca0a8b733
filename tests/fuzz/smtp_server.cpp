// The SMTP server session under any octets, in any pieces, from several states.
//
// The first octet chooses where the conversation begins, the second how the input is cut into
// pieces and what the owner refuses; the rest is what the client says. A broken promise aborts.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "smtp/server_session.hpp"

using namespace mailhandler;

namespace {

void demand(bool promise) {
    if (!promise) std::abort();
}

class Owner {
  public:
    explicit Owner(unsigned choice) : choice_(choice) {}

    smtp::Answer answer(const smtp::Question& question) {
        ++asked_;
        const bool no = (choice_ & 4) != 0 && asked_ % 3 == 0;
        if (const auto* to = std::get_if<smtp::MayTo>(&question)) {
            demand(to->sender != nullptr);
            const std::string& given = to->recipient.address.given();
            demand(given.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
            if (!no) ++accepted_;
        } else if (const auto* spill = std::get_if<smtp::Spill>(&question)) {
            demand(accepted_ > 0 && spill->octets.size() <= 4096);
            ended_right_ = false;
        } else if (const auto* commit = std::get_if<smtp::Commit>(&question)) {
            demand(commit->envelope.recipients.size() == accepted_ && accepted_ > 0);
            demand(final_seen_);
            check_lines(commit->rest);
            accepted_ = 0;
        } else if (std::holds_alternative<smtp::Discard>(question)) {
            demand(accepted_ > 0);
            accepted_ = 0;
            return {};
        }
        if (no) return {{smtp::Reply{550, "5.7.1", "no"}}};
        const bool connect = std::holds_alternative<smtp::MayConnect>(question);
        return {{smtp::Reply{connect ? 220 : 250, "", "yes"}}};
    }
    // An end of message may have been heard from now on.
    void final_seen() { final_seen_ = true; }
    bool clean() const { return accepted_ == 0; }

  private:
    // Content has no bare CR or LF (a spilled CR may have its LF in the next block).
    void check_lines(std::string_view text) const {
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\r') demand(i + 1 < text.size() && text[i + 1] == '\n');
            if (text[i] == '\n') demand(i > 0 ? text[i - 1] == '\r' : !ended_right_ || i > 0);
        }
    }

    unsigned choice_;
    unsigned asked_ = 0;
    std::size_t accepted_ = 0;
    bool final_seen_ = false;
    bool ended_right_ = true;
};

constexpr std::string_view beginnings[] = {
    "",
    "EHLO c\r\n",
    "EHLO c\r\nMAIL FROM:<a@example.com>\r\n",
    "EHLO c\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n",
    "EHLO c\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n",
    "EHLO c\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nBDAT 3\r\nx\r\n",
    "EHLO c\r\nAUTH PLAIN\r\n",
    "LHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n",
};

// Plays what the session wants until it waits; false when the conversation is over.
bool run(smtp::ServerSession& session, Owner& owner, Instant now) {
    for (int actions = 0;; ++actions) {
        demand(actions < 100000);
        auto action = session.next(now);
        if (auto* ask = std::get_if<wire::Ask<smtp::Question>>(&action)) {
            session.answer(owner.answer(ask->question));
        } else if (std::holds_alternative<wire::StartTls>(action)) {
            session.secured({"TLSv1.3", "x"});
        } else if (std::holds_alternative<wire::Close>(action)) {
            return false;
        } else if (auto* read = std::get_if<wire::Read>(&action)) {
            demand(read->deadline > now);
            return true;
        } else {
            demand(std::get<wire::Send>(action).octets.size() > 0);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view beginning = beginnings[data[0] % std::size(beginnings)];
    const unsigned choice = data[1];
    const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);

    smtp::Settings settings;
    settings.hostname = "mail.example.com";
    settings.service = beginning.substr(0, 4) == "LHLO" ? smtp::Service::lmtp : smtp::Service::mx;
    settings.tls_offered = (choice & 1) != 0;
    settings.auth_offered = true;
    settings.message_size = 3000;
    settings.spill = 32;
    settings.command_line = 512;
    smtp::ServerSession session(settings, wire::Peer{"192.0.2.1", 4711, true, (choice & 2) != 0});
    Owner owner(choice);
    const Instant now = Instant{} + std::chrono::hours(1);

    const std::size_t piece = choice >= 128 ? 1 : choice >= 64 ? 7 : 1024;
    bool open = run(session, owner, now);
    if (open) session.receive(beginning);
    open = open && run(session, owner, now);
    const std::string all = std::string(beginning) + std::string(input);
    for (std::size_t at = 0; open && at < input.size(); at += piece) {
        const std::string_view heard =
            std::string_view(all).substr(0, beginning.size() + std::min(at + piece, input.size()));
        std::string upper(heard);
        for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        if (upper.find("\r\n.\r\n") != std::string::npos ||
            upper.find("LAST") != std::string::npos) {
            owner.final_seen();
        }
        session.receive(input.substr(at, piece));
        open = run(session, owner, now);
    }
    if (open) session.eof();
    demand(!open || !run(session, owner, now));
    demand(owner.clean());
    return 0;
}
