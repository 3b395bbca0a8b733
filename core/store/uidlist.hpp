// The UIDLs that a Dovecot gave the messages of a maildir, for whoever takes the maildir over: a
// POP3 client that leaves mail on the server must not download all of it again.
//
// MAILDIR/dovecot-uidlist, version 3 (Dovecot's manual, "Maildir Mailbox Format"):
//     3 V<uidvalidity> N<next uid> G<guid>
//     <uid> [<key><value> …] :<file name>
// The key P holds a UIDL of the message's own, which an earlier migration kept. Every other message
// has Dovecot's default format, "%08Xu%08Xv": UID and UIDVALIDITY, eight hexadecimal digits each.
// (A Dovecot whose pop3_uidl_format says %f shows the file name up to its flags.)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::store {

class Uidlist {
  public:
    // Takes the text apart; what it returns refers to `text`, which has to outlive it. Nothing where
    // it is no list of version 3 with a UIDVALIDITY. A line that is malformed, or the last without
    // its LF (Dovecot was cut off), is passed over: that message is then one that is not listed. Of
    // two lines for one message the later counts, as it does for Dovecot.
    static std::optional<Uidlist> parse(std::string_view text);

    // The UIDL of the message with this base name (store::MessageName::base). Nothing where it is
    // not listed. It may be one that RFC 1939 does not allow.
    std::optional<std::string> uidl(std::string_view base) const;

    std::size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        std::string_view base;
        std::string_view own;  // after P; empty: the default format
        std::uint32_t uid = 0;
    };
    static std::optional<Entry> parse_line(std::string_view line);

    std::uint32_t validity_ = 0;
    std::vector<Entry> entries_;  // by base name, each once
};

}  // namespace mailhandler::store
