// What the fuzzers of POP3's and IMAP's server sessions share.
#pragma once

#include <string_view>

#include "fuzz/require.hpp"
#include "wire/action.hpp"

// A message of nine octets, the last of them a line that does not end.
class TinyBody final : public mailhandler::wire::Body {
  public:
    std::uint64_t size() const override { return 9; }
    mailhandler::Result<std::size_t> read_at(std::uint64_t offset, char* into,
                                             std::size_t size) override {
        return std::string_view("a: b\r\n\r\n.").copy(into, size, offset);
    }
};

// Has the session do what it wants until it waits for the client; `owner` has answer(Question) and
// is told of TLS in `secure`. False: it has closed.
template <class Question, class Session, class Owner>
bool run_server(Session& session, Owner& owner, mailhandler::Instant now) {
    namespace wire = mailhandler::wire;
    for (int actions = 0;; ++actions) {
        require(actions < 100'000);
        auto action = session.next(now);
        if (std::holds_alternative<wire::Read>(action)) return true;
        if (std::holds_alternative<wire::Close>(action)) return false;
        if (auto* ask = std::get_if<wire::Ask<Question>>(&action))
            session.answer(owner.answer(std::move(ask->question)));
        if (std::holds_alternative<wire::StartTls>(action)) {
            owner.secure = true;
            session.secured({});
        }
    }
}
