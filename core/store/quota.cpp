#include "store/quota.hpp"

#include <algorithm>
#include <cerrno>

namespace mailhandler::store {

namespace {

// A directory changed again within one tick of the file system's clock keeps its modification
// time: what was listed so soon after a change is not believed later.
constexpr auto settled = std::chrono::seconds(2);

}  // namespace

Quotas::Quotas(disk::Disk& disk, const Clock& clock, std::chrono::seconds fresh)
    : disk_(disk), clock_(clock), fresh_(fresh) {}

std::optional<bool> Quotas::fits_now(const std::string& maildir, std::uint64_t quota,
                                     std::uint64_t more) const {
    if (quota == 0) return true;
    const std::scoped_lock guard(mutex_);
    const auto found = mailboxes_.find(maildir);
    if (found == mailboxes_.end() || !found->second.known) return {};
    const std::uint64_t used = found->second.usage.octets;
    return used <= quota && more <= quota - used;
}

bool Quotas::due(const std::string& maildir) {
    const std::scoped_lock guard(mutex_);
    Mailbox& mailbox = mailboxes_[maildir];
    const Instant now = clock_.now();
    if (mailbox.looked && now - *mailbox.looked < fresh_) return false;
    mailbox.looked = now;
    return true;
}

Result<Quotas::Listed> Quotas::look(const std::string& directory, const Directories& before) {
    const auto status = disk_.status(directory);
    if (!status) {
        if (status.error().error == ENOENT) return Listed{};
        return tl::unexpected(status.error());
    }
    if (status->kind != disk::Kind::directory) return Listed{};
    const auto known = before.find(directory);
    if (known != before.end() && known->second.modified == status->modified &&
        known->second.inode == status->inode) {
        return known->second;
    }
    const WallTime began = clock_.wall();
    const auto usage = measure_directory(disk_, directory);
    if (!usage) return tl::unexpected(usage.error());
    const bool believable = status->modified + settled < began;
    return Listed{believable ? status->modified : WallTime{}, status->inode, *usage};
}

Result<Usage> Quotas::refresh(const std::string& maildir) {
    Directories before;
    {
        const std::scoped_lock guard(mutex_);
        before = mailboxes_[maildir].directories;
    }
    const auto scan = [&]() -> Result<Directories> {
        const auto names = message_directories(disk_, maildir);
        if (!names) return tl::unexpected(names.error());
        Directories now;
        for (const std::string& name : *names) {
            auto listed = look(name, before);
            if (!listed) return tl::unexpected(listed.error());
            now.emplace(name, std::move(*listed));
        }
        return now;
    };
    auto directories = scan();
    const std::scoped_lock guard(mutex_);
    Mailbox& mailbox = mailboxes_[maildir];
    mailbox.looked = clock_.now();
    if (!directories) return tl::unexpected(directories.error());
    mailbox.usage = {};
    for (const auto& [name, listed] : *directories) {
        mailbox.usage.octets += listed.usage.octets;
        mailbox.usage.messages += listed.usage.messages;
    }
    mailbox.directories = std::move(*directories);
    mailbox.known = true;
    return mailbox.usage;
}

void Quotas::delivered(const std::string& maildir, std::uint64_t octets) {
    const std::scoped_lock guard(mutex_);
    const auto found = mailboxes_.find(maildir);
    if (found == mailboxes_.end()) return;
    found->second.usage.octets += octets;
    ++found->second.usage.messages;
}

void Quotas::removed(const std::string& maildir, std::uint64_t octets) {
    const std::scoped_lock guard(mutex_);
    const auto found = mailboxes_.find(maildir);
    if (found == mailboxes_.end()) return;
    Usage& usage = found->second.usage;
    usage.octets -= std::min(octets, usage.octets);
    usage.messages -= usage.messages > 0 ? 1 : 0;
}

}  // namespace mailhandler::store
