// A queue below /root, a clock that is set by hand, and a message to take on: what the tests of the
// outbound queue share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/spool.hpp"
#include "support/forgetful_disk.hpp"

namespace a_queue {

using namespace mailhandler;
using namespace mailhandler::store;
using namespace std::chrono_literals;
using mailhandler::test::ForgetfulDisk;
using mailhandler::test::Survives;

inline const std::string body = "Subject: hello\r\n\r\nthe whole message\r\n";
inline const Layout layout("/root");

class SetClock final : public Clock {
  public:
    Instant now() const override { return Instant(1s); }
    WallTime wall() const override { return time; }
    WallTime time{std::chrono::seconds(1'795'411'214)};
};

inline WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

inline mail::Address address(const std::string& text) {
    return mail::Address::parse_sender(text).value();
}

inline Queued envelope_to(const std::vector<std::string>& recipients) {
    Queued envelope;
    envelope.sender.address = address("srs0=x=y=elsewhere.example=bob@example.com");
    envelope.original_sender = "bob@elsewhere.example";
    for (const std::string& each : recipients) {
        Owed owed;
        owed.recipient.address = address(each);
        owed.original = "anne@example.com";
        envelope.owed.push_back(std::move(owed));
    }
    return envelope;
}

inline Result<std::string> add(Spool& spool, const std::vector<std::string>& recipients) {
    const std::vector<std::string_view> parts = {std::string_view(body).substr(0, 5)};
    return spool.add(envelope_to(recipients), parts, nullptr, std::string_view(body).substr(5));
}

// A message's first octets, or why it cannot be read.
inline std::string content(Spool& spool, const std::string& id) {
    auto message = spool.open(id);
    if (!message) return message.error().cause;
    std::string text(1000, '\0');
    text.resize(message->read_at(0, text.data(), text.size()).value());
    return text;
}

// How many files have names that end so.
inline std::size_t files_like(const ForgetfulDisk& disk, std::string_view end) {
    std::size_t count = 0;
    for (const auto& [path, text] : disk.files()) count += path.ends_with(end);
    return count;
}

inline std::vector<std::string> ids(Spool& spool) {
    std::vector<std::string> found;
    const auto all = spool.list().value();
    for (const auto& due : all) found.push_back(due.id);
    return found;
}

// "x@a.example y@b.example 2": to whom, and after how many attempts.
inline std::string owed_text(const Queued& envelope) {
    std::string text;
    for (const Owed& owed : envelope.owed) text += owed.recipient.address.given() + ' ';
    return text + std::to_string(envelope.attempts);
}

}  // namespace a_queue
