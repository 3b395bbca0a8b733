// dovecot-uidlist, taken apart and put together: which UID and which POP3 UIDL each message of a maildir has. Version 3
// (Dovecot's manual, "Maildir Mailbox Format"):
//     3 V<uidvalidity> N<next uid> G<guid>
//     <uid> [<key><value> …] :<file name>
// The key P holds a UIDL of the message's own, which an earlier migration kept, or we (store/uids). Every
// other message has Dovecot's default format, "%08Xu%08Xv": UID and UIDVALIDITY, eight hexadecimal
// digits each. (A Dovecot whose pop3_uidl_format says %f shows the file name up to its flags.)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::store {

// One line. Views refer to the text.
struct UidlistLine {
    std::uint32_t uid = 0;
    std::string_view fields;  // "W2481 Pold-uidl"
    std::string_view file;    // "1276528487.M364837P9451.kurkku,S=1355,W=1394:2,S"
    std::string_view whole;   // the line with its LF
    // The value behind a key, or "".
    std::string_view field(char key) const;
};

// Reads the text from its start to its end. A line that is malformed is passed over, and so is a last one
// without its LF (its writer was cut off).
class UidlistReader {
  public:
    explicit UidlistReader(std::string_view text) : rest_(text) {}

    struct Header {
        std::uint32_t validity = 0;
        std::uint32_t next = 1;   // 1 where there is none
        std::string_view whole;   // the line without its LF
    };
    // Nothing where it is no list of version 3 with a UIDVALIDITY.
    std::optional<Header> header();
    std::optional<UidlistLine> next();

    std::string_view rest() const { return rest_; }  // not read yet
    std::size_t malformed() const { return malformed_; }

  private:
    std::string_view rest_;
    std::size_t malformed_ = 0;
};

// What store/uids writes. Our line of a message, for its file with or without flags; `base` is its base
// name.
void append_uidlist_line(std::string& to, std::uint32_t uid, std::string_view base,
                         std::string_view file);
// The header of a new list, without its LF. The last two are its GUID: 128 random bits.
std::string uidlist_header(std::uint32_t validity, std::uint32_t next, std::uint64_t high,
                           std::uint64_t low);
// A header with another next UID. Its other fields stay, understood or not.
std::string with_next_uid(std::string_view header, std::uint32_t next);

// The UIDLs of a maildir that a Dovecot served: a POP3 client that leaves mail on the server must not
// download all of it again.
class Uidlist {
  public:
    // What it returns refers to `text`, which has to outlive it. Nothing where UidlistReader finds no
    // header. Of two lines for one message the later counts, as it does for Dovecot.
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

    std::uint32_t validity_ = 0;
    std::vector<Entry> entries_;  // by base name, each once
};

// Our own UIDL of a message: its base name, or, where RFC 1939 section 7 does not allow that (one to 70
// characters in the range 0x21 to 0x7E), 64 hexadecimal digits of it.
std::string uidl_of_base(std::string_view base);
bool is_uidl(std::string_view base);  // it is allowed
std::string uidl_digest(std::string_view name);  // those 64 digits of any name

}  // namespace mailhandler::store
