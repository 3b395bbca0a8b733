// A maildir as one POP3 session sees it: the listing, the sizes on the wire and the UIDLs. A value
// that never changes once it is made; sessions of one mailbox may share it.
//
// - Sizes come from names alone: ,W= is the size on the wire. A file without it, written by another
//   program, is looked into once.
// - A UIDL is the base name up to the first comma; one that RFC 1939 does not allow is replaced by
//   64 hexadecimal digits of it, the same at every login. In a maildir that Dovecot served before,
//   where its UIDLs are to be kept ([pop3] uidl = "dovecot"), those of its list come first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "pop3/maildrop.hpp"
#include "store/maildir_listing.hpp"

namespace mailhandler::agent {

class FrozenMaildrop final : public pop3::Maildrop {
  public:
    // `dovecot`: UIDLs that MAILDIR/dovecot-uidlist has are kept; without that file, or where it is
    // malformed, all are ours. A missing maildir is empty. Errors: a directory that cannot be read.
    static Result<FrozenMaildrop> make(disk::Disk& disk, const std::string& maildir, bool dovecot);

    std::size_t count() const override { return listing_.size(); }
    std::uint64_t octets() const override { return octets_; }
    std::uint64_t size(std::size_t index) const override { return *listing_[index].wire_size(); }
    std::string_view uidl(std::size_t index) const override;

    // Where it was. It may have moved since.
    const store::MaildirListing::Message& message(std::size_t index) const {
        return listing_[index];
    }
    // False: a message that was being moved or cannot be read is not in it.
    bool complete() const { return complete_; }
    std::size_t memory() const;  // octets, about

  private:
    explicit FrozenMaildrop(store::MaildirListing listing) : listing_(std::move(listing)) {}
    void count_sizes(disk::Disk& disk, const std::string& maildir);
    bool names_serve() const;
    void make_uidls(const std::string* dovecot);

    store::MaildirListing listing_;
    std::uint64_t octets_ = 0;
    bool complete_ = true;
    std::unordered_map<std::uint32_t, std::string> uidls_;  // that are not the base name, by index
};

}  // namespace mailhandler::agent
