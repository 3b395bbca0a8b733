#include "store/predecessors.hpp"

namespace mailhandler::store {

namespace {

// POP3 shows what IMAP calls INBOX, and has no name for it.
bool same_mailbox(const MessageId& a, const MessageId& b) {
    return a.mailbox == b.mailbox || ((a.mailbox.empty() || b.mailbox.empty()) &&
                                      (a.mailbox == "INBOX" || b.mailbox == "INBOX"));
}

bool same_names(const MessageId& a, const MessageId& b) {
    return a.mailbox == b.mailbox && a.validity == b.validity;
}

}  // namespace

std::optional<MessageId> Predecessors::take(const Ledger::Sighting& message) {
    if (!by_hash_) {
        by_hash_.emplace();
        for (const auto& [old, entry] : book_.entries()) {
            if (entry.known.state != Known::State::done || same_names(old, message.id)) continue;
            by_hash_->emplace(entry.known.hash, old);
        }
    }
    const auto [begin, end] = by_hash_->equal_range(message.hash);
    for (auto at = begin; at != end; ++at) {
        const auto found = book_.entries().find(at->second);
        if (!same_mailbox(at->second, message.id) || same_names(at->second, message.id) ||
            found == book_.entries().end() || found->second.known.size != message.size ||
            found->second.known.hash != message.hash) {
            continue;
        }
        MessageId old = at->second;
        by_hash_->erase(at);
        return old;
    }
    return std::nullopt;
}

}  // namespace mailhandler::store
