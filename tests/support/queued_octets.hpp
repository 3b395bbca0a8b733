// A message of the outbound queue as it will be sent.
#pragma once

#include <string>

#include "store/spool.hpp"

namespace mailhandler::test {

// Its octets; what went wrong where they cannot be read.
inline std::string queued_octets(store::Spool& spool, const std::string& id) {
    auto message = spool.open(id);
    if (!message) return message.error().text();
    std::string text(message->envelope.size, '\0');
    const auto got = message->read_at(0, text.data(), text.size());
    if (!got) return got.error().text();
    text.resize(*got);
    return text;
}

}  // namespace mailhandler::test
