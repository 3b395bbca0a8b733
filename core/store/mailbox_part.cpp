#include "store/mailbox_part.hpp"

namespace mailhandler::store {

namespace {

// How long our own changes are trusted to be the only ones: from the last, and from the first.
constexpr auto own_trusted = std::chrono::seconds(1), own_trusted_at_most = std::chrono::seconds(5);

}  // namespace

bool MailboxPart::needed(const disk::Status& now, Look look, Instant asked) const {
    if (!known_ || inode_ != now.inode || modified_ != now.modified) return true;
    if (settled_ || listed_ > asked) return false;
    if (!own_ || look == Look::thorough) return true;
    const Instant instant = clock_.now();
    return instant - own_last_ >= own_trusted || instant - own_since_ >= own_trusted_at_most;
}

Result<std::optional<MailboxPart::Listing>> MailboxPart::look(Look look, Instant asked) {
    const auto status = disk_.status(path_);
    if (!status) return tl::unexpected(status.error());
    if (!needed(*status, look, asked)) return std::nullopt;
    const WallTime began = clock_.wall();
    listed_ = clock_.now();
    auto names = disk_.names(path_);
    if (!names) return tl::unexpected(names.error());
    const auto after = disk_.status(path_);
    if (!after) return tl::unexpected(after.error());
    const bool untouched = after->inode == status->inode && after->modified == status->modified;
    const bool old_enough = status->modified + disk::tick(status->modified) < began;
    known_ = true;
    inode_ = status->inode;
    modified_ = status->modified;
    settled_ = untouched && old_enough;
    own_ = false;
    return Listing{std::move(*names), untouched};
}

bool MailboxPart::clean() const {
    if (!known_ || !(settled_ || own_)) return false;
    const auto status = disk_.status(path_);
    return status && status->inode == inode_ && status->modified == modified_;
}

void MailboxPart::changed_by_us(bool was_clean) {
    const auto status = disk_.status(path_);
    if (!was_clean || !status || status->inode != inode_) return forget();
    const Instant now = clock_.now();
    if (!own_) own_since_ = now;
    own_last_ = now;
    own_ = true;
    settled_ = false;
    modified_ = status->modified;
}

}  // namespace mailhandler::store
