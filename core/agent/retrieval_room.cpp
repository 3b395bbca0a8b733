// Whether there is room for what was collected, and whether there is by now for what waited for it.
#include "agent/retrieval.hpp"

namespace mailhandler::agent {

namespace {

// How long what lies in the held area is taken for known, while there is room and while there is
// not.
constexpr auto held_fresh = std::chrono::seconds(30), held_full_fresh = std::chrono::seconds(1);

// For whom a message is may have been changed meanwhile, and only its content tells: so often it is
// fetched all the same.
constexpr auto believed_for = std::chrono::hours(1);

}  // namespace

std::optional<std::string> Retrieval::still_lacks(const store::MessageId& id, std::uint64_t size) {
    const auto wait = ledger_.waits(id);
    if (!wait || wait->size != size) return {};
    const auto age = house_.clock.wall() - wait->since;
    if (age < std::chrono::seconds(0) || age > believed_for) return {};
    const std::lock_guard lock(room_);
    if (wait->local.empty()) {
        if (held_fits(size).value_or(true)) return {};
        return no_room_in(nullptr);
    }
    const auto domain = errand_.directory.find(wait->domain);
    if (!domain) return {};
    const bool fallback = domain->default_name().local() == wait->local;
    const route::Mailbox* mailbox = fallback ? nullptr : domain->mailbox(wait->local);
    if (!fallback && !mailbox) return {};
    const auto name = fallback ? domain->default_name() : domain->name_of(*mailbox);
    const std::uint64_t quota = fallback ? domain->fallback.quota : mailbox->quota;
    if (quota == 0 || fits(name, quota, size).value_or(true)) return {};
    return no_room_in(&name);
}

Result<bool> Retrieval::fits(const route::MailboxName& mailbox, std::uint64_t quota,
                             std::uint64_t octets) {
    const std::string maildir = house_.layout.maildir(mailbox);
    auto fits = house_.quotas.fits_now(maildir, quota, octets);
    if (house_.quotas.due(maildir) || !fits) {
        if (const auto usage = house_.quotas.refresh(maildir); !usage)
            return tl::unexpected(usage.error());
        fits = house_.quotas.fits_now(maildir, quota, octets);
    }
    return fits.value_or(true);
}

Result<bool> Retrieval::mailbox_takes(const route::ToMailbox& target, std::uint64_t octets) {
    if (target.quota == 0) return true;
    const std::lock_guard lock(room_);
    const auto there_is = fits(target.mailbox, target.quota, octets);
    if (there_is && *there_is)
        house_.quotas.delivered(house_.layout.maildir(target.mailbox), octets);
    return there_is;
}

// Others hold and release meanwhile: it is looked at again after a while, and sooner before a no.
Result<bool> Retrieval::held_fits(std::uint64_t octets) {
    const auto enough = [&] { return held_octets_ + octets <= errand_.held_size; };
    const Instant now = house_.clock.now();
    if (!held_looked_ || now - *held_looked_ >= (enough() ? held_fresh : held_full_fresh)) {
        const auto usage = store::Held(house_.disk, house_.layout).usage();
        if (!usage) return tl::unexpected(usage.error());
        held_octets_ = usage->octets;
        held_looked_ = now;
    }
    return enough();
}

Result<bool> Retrieval::held_takes(std::uint64_t octets) {
    const std::lock_guard lock(room_);
    const auto there_is = held_fits(octets);
    if (there_is && *there_is) held_octets_ += octets;
    return there_is;
}

}  // namespace mailhandler::agent
