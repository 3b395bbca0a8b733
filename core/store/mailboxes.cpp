#include "store/mailboxes.hpp"

namespace mailhandler::store {

Mailboxes::Mailboxes(MailboxMeans means, std::uint32_t cache_version, std::size_t most)
    : means_(std::move(means)), cache_version_(cache_version), most_(most) {}

Mailboxes::~Mailboxes() = default;

std::shared_ptr<Mailbox> Mailboxes::at(const std::string& maildir, const std::string& account) {
    std::vector<std::shared_ptr<Mailbox>> dropped;  // destroyed when the mutex is free again
    const std::scoped_lock guard(mutex_);
    const auto found = kept_.find(maildir);
    if (found != kept_.end()) {
        used_.splice(used_.begin(), used_, found->second.used);
        return found->second.mailbox;
    }
    auto mailbox = std::make_shared<Mailbox>(means_, maildir, account, cache_version_);
    used_.push_front(maildir);
    kept_[maildir] = {mailbox, used_.begin()};
    trim(dropped);
    return mailbox;
}

// Those that sessions have open stay: a mailbox is one object for the whole process.
void Mailboxes::trim(std::vector<std::shared_ptr<Mailbox>>& dropped) {
    std::size_t octets = 0;
    for (auto each = used_.begin(); each != used_.end();) {
        const auto found = kept_.find(*each);
        if (found->second.mailbox.use_count() > 1) {
            ++each;
            continue;
        }
        octets += found->second.mailbox->memory();
        if (octets <= most_) {
            ++each;
            continue;
        }
        dropped.push_back(std::move(found->second.mailbox));
        kept_.erase(found);
        each = used_.erase(each);
    }
}

void Mailboxes::forget(const std::string& maildir) {
    std::shared_ptr<Mailbox> dropped;
    const std::scoped_lock guard(mutex_);
    const auto found = kept_.find(maildir);
    if (found == kept_.end()) return;
    dropped = std::move(found->second.mailbox);
    used_.erase(found->second.used);
    kept_.erase(found);
}

}  // namespace mailhandler::store
