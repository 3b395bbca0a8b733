// A message that a client appends. Only for agent/imap_*.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/imap_access.hpp"

namespace mailhandler::agent {

struct ImapAccess::Incoming {
    std::shared_ptr<store::Mailbox> mailbox;
    std::vector<store::Delivery> complete;  // those before
    std::uint64_t octets = 0;               // announced, of all
    imap::AppendMessage message;            // the one under way
    std::string text;                       // its content, …
    std::unique_ptr<disk::File> spilled;    // … or, when it is large, where that lies
};

}  // namespace mailhandler::agent
