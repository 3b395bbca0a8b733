#include "agent/imap_access.hpp"

#include <cerrno>

#include "agent/imap_incoming.hpp"
#include "agent/mail_login.hpp"

namespace mailhandler::agent {

namespace {

// Our own words about a name that a client gave, without errno's behind them.
std::string sentence(const Fault& fault) {
    return "It " + fault.cause.substr(0, fault.cause.rfind(": "));
}

}  // namespace

ImapAccess::ImapAccess(Mailroom& room, store::Mailboxes& mailboxes, Logins& logins,
                       const imap::Client& client, Watch watch, Offer offer)
    : room_(room), mailboxes_(mailboxes), logins_(logins), client_(client),
      watch_(std::move(watch)), offer_(std::move(offer)), contents_(offer_) {}

ImapAccess::~ImapAccess() {
    if (watching_ && watch_) watch_({});
}

imap::Answer ImapAccess::answer(imap::Question question) {
    return std::visit([this](auto& asked) -> imap::Answer { return take(asked); }, question);
}

// Why it cannot be, for the client: without the paths, which are for the log.
imap::Verdict ImapAccess::refused(const Fault& fault) const {
    using imap::Code;
    switch (fault.error) {
        case ENOENT: return imap::no(Code::nonexistent);
        case EEXIST: return imap::no(Code::already_exists);
        case EINVAL: return imap::no(Code::cannot, sentence(fault));
        case EADDRINUSE: return imap::no(Code::use_attr, sentence(fault));
        case EAGAIN: return imap::no(Code::in_use, sentence(fault));
        default: break;
    }
    room_.log.warning(fault.text());
    if (fault.error == EACCES || fault.error == EPERM || fault.error == EROFS)
        return imap::no(Code::no_perm, fault.cause);
    return imap::no(fault.temporary ? Code::unavailable : Code::server_bug, fault.cause);
}

imap::Verdict ImapAccess::take(const imap::MayConnect&) {
    snapshot_ = room_.snapshot;
    return {};
}

imap::Verdict ImapAccess::take(const imap::MayLogin& question) {
    account_ = log_in(room_, logins_, snapshot_.directory, question.login, question.password,
                      client_.peer.address, "imap");
    if (!account_) return imap::no(imap::Code::authentication_failed);
    maildir_ = room_.layout.maildir(account_->mailbox);
    folders_.emplace(mailboxes_, maildir_);
    return {};
}

imap::Quota ImapAccess::take(const imap::GetQuota&) {
    const auto usage = room_.quotas.refresh(maildir_);
    imap::Quota quota;
    if (!usage) {
        quota.verdict = refused(usage.error());
        return quota;
    }
    quota.used = usage->octets;
    if (account_->quota > 0) quota.limit = account_->quota;
    return quota;
}

// What another program brought since the last look may be missing for as long as Quotas says.
bool ImapAccess::over_quota(std::uint64_t more) {
    if (account_->quota == 0) return false;
    if (room_.quotas.due(maildir_) || !room_.quotas.fits_now(maildir_, account_->quota, more))
        (void)room_.quotas.refresh(maildir_);
    return !room_.quotas.fits_now(maildir_, account_->quota, more).value_or(true);
}

void ImapAccess::delivered(std::uint64_t octets, std::size_t messages) {
    for (std::size_t i = 0; i < messages; ++i)
        room_.quotas.delivered(maildir_, i == 0 ? octets : 0);
}

}  // namespace mailhandler::agent
