#include "agent/frozen_maildrop.hpp"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "agent/message_file.hpp"
#include "store/uidlist.hpp"
#include "store/uids.hpp"

namespace mailhandler::agent {

namespace {

// A list of a million messages has some 100 MiB; one that is larger is not read at all.
constexpr std::uint64_t uidlist_limit = 256ull << 20;

}  // namespace

Result<FrozenMaildrop> FrozenMaildrop::make(disk::Disk& disk, const std::string& maildir,
                                            bool dovecot) {
    auto listing = store::list_maildir(disk, maildir);
    if (!listing) return tl::unexpected(listing.error());
    FrozenMaildrop maildrop(std::move(*listing));
    maildrop.count_sizes(disk, maildir);
    if (dovecot) {
        const std::string list =
            disk::read_file(disk, maildir + "/dovecot-uidlist", uidlist_limit).value_or("");
        maildrop.make_uidls(&list);
    } else if (!maildrop.names_serve()) {
        maildrop.make_uidls(nullptr);
    }
    return maildrop;
}

void FrozenMaildrop::count_sizes(disk::Disk& disk, const std::string& maildir) {
    bool lacking = false;
    for (auto& message : listing_) {
        if (!message.wire_size()) {
            const auto counted = wire_size(disk, maildir + (message.in_new() ? "/new/" : "/cur/") +
                                                     std::string(message.file()));
            if (counted) message.counted(*counted);
            lacking = lacking || !counted;
        }
        octets_ += message.wire_size().value_or(0);
    }
    // It moved on or cannot be read: the next login sees it again.
    if (lacking) listing_.erase_if([](const auto& message) { return !message.wire_size(); });
    complete_ = !lacking;
}

// Every base name is a UIDL, and none is there twice. Asked of the listing: to look into the names
// themselves, in another order than they lie in, costs more than all the rest of a login.
bool FrozenMaildrop::names_serve() const {
    return listing_.printable() && !listing_.repeated() &&
           std::all_of(listing_.begin(), listing_.end(), [](const auto& message) {
               return message.base().size() <= pop3::longest_uidl;
           });
}

// Two files of one base name, or two lines of one UIDL (another program's doing), must not share
// one.
void FrozenMaildrop::make_uidls(const std::string* dovecot) {
    std::optional<store::Uidlist> list;
    if (dovecot) list = store::Uidlist::parse(*dovecot);
    std::unordered_set<std::string> taken;
    taken.reserve(listing_.size());
    for (std::size_t index = 0; index < listing_.size(); ++index) {
        const std::string_view base = listing_[index].base();
        const auto listed = list ? list->uidl(base) : std::nullopt;
        std::string uidl = store::uidl_of_base(listed ? std::string_view(*listed) : base);
        for (int twin = 2; !taken.insert(uidl).second; ++twin)
            uidl = store::uidl_digest(std::string(base) + '#' + std::to_string(twin));
        if (uidl != base) uidls_.emplace(static_cast<std::uint32_t>(index), std::move(uidl));
    }
}

std::string_view FrozenMaildrop::uidl(std::size_t index) const {
    if (!uidls_.empty()) {
        const auto other = uidls_.find(static_cast<std::uint32_t>(index));
        if (other != uidls_.end()) return other->second;
    }
    return listing_[index].base();
}

std::size_t FrozenMaildrop::memory() const {
    return sizeof *this + listing_.memory() + uidls_.size() * 160;
}

}  // namespace mailhandler::agent
