// The SMTP client session under any answers, in any pieces.
//
// The first octet chooses settings and pieces; the rest is what the server says. Whatever it says,
// each message gets exactly one outcome for each recipient, and no recipient passes for delivered
// unless the server said 2xx after the content was sent.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "smtp/client_session.hpp"

using namespace mailhandler;

namespace {

void demand(bool promise) {
    if (!promise) std::abort();
}

class Text final : public wire::Body {
  public:
    std::uint64_t size() const override { return text_.size(); }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        return text_.copy(into, size, offset);
    }

  private:
    std::string text_ = "Subject: x\r\n\r\n.\r\n";
};

class Owner {
  public:
    smtp::ClientAnswer answer(const smtp::ClientQuestion& question) {
        smtp::ClientAnswer answer;
        if (const auto* outcome = std::get_if<smtp::Outcome>(&question)) {
            demand(due_ != 0 && outcome->recipients.size() == due_);
            for (const auto& reply : outcome->recipients) {
                demand(reply.code >= 200 && reply.code <= 599 && reply.code / 100 != 3);
                demand(reply.code >= 400 || content_sent_);
            }
            due_ = 0;
            if (!outcome->more || given_ % 2 == 0 || given_ >= 3) return answer;
            content_sent_ = false;
            ++given_;
            answer.message = message();
            due_ = answer.message->recipients.size();
        } else if (std::holds_alternative<smtp::WantMessage>(question)) {
            demand(due_ == 0);
            content_sent_ = false;
            if (given_++ == 3) return answer;
            answer.message = message();
            due_ = answer.message->recipients.size();
        } else {
            demand(!std::get<smtp::NoService>(question).reply.positive());
        }
        return answer;
    }
    void content_sent() { content_sent_ = true; }
    bool clean() const { return due_ == 0; }

  private:
    smtp::Outgoing message() const {
        smtp::Outgoing message;
        message.sender.address = mail::Address::parse("a@example.com").value();
        for (int i = 0; i <= given_; ++i) {
            const auto address = mail::Address::parse("x" + std::to_string(i) + "@example.org");
            message.recipients.push_back({address.value(), {}, {}});
        }
        message.body = std::make_shared<Text>();
        return message;
    }

    int given_ = 0;
    std::size_t due_ = 0;
    bool content_sent_ = false;
};

bool run(smtp::ClientSession& session, Owner& owner, Instant now) {
    for (int actions = 0;; ++actions) {
        demand(actions < 100000);
        auto action = session.next(now);
        if (auto* ask = std::get_if<wire::Ask<smtp::ClientQuestion>>(&action)) {
            session.answer(owner.answer(ask->question));
        } else if (std::holds_alternative<wire::StartTls>(action)) {
            session.secured({"TLSv1.3", "x"});
        } else if (std::holds_alternative<wire::Close>(action)) {
            return false;
        } else if (std::holds_alternative<wire::SendBody>(action)) {
            owner.content_sent();
        } else if (auto* read = std::get_if<wire::Read>(&action)) {
            demand(read->deadline > now);
            return true;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const unsigned choice = data[0];
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    smtp::ClientSettings settings;
    settings.helo = "us.example";
    settings.lmtp = (choice & 1) != 0;
    if ((choice & 2) != 0) settings.login = "ann", settings.password = "secret";
    settings.secure = (choice & 4) != 0;
    smtp::ClientSession session(settings);
    Owner owner;
    const Instant now = Instant{} + std::chrono::hours(1);
    // A server speaks when it is spoken to: a line at a time, unless the choice says otherwise.
    const std::size_t piece = (choice & 8) != 0 ? 1 : 64;
    bool open = run(session, owner, now);
    for (std::size_t at = 0; open && at < input.size();) {
        const std::size_t line = input.find('\n', at);
        std::size_t end = (choice & 16) != 0 ? at + piece : line + 1;
        if (end == 0 || end > input.size()) end = input.size();
        session.receive(input.substr(at, end - at));
        open = run(session, owner, now);
        at = end;
    }
    if (open) session.eof();
    demand(!open || !run(session, owner, now));
    demand(owner.clean());
    return 0;
}
