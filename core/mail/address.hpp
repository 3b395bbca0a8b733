// An e-mail address as a value: the spelling somebody gave, beside the form it is compared by.
//
// Used by everybody: SMTP parses paths into it, configuration keys are checked by it, route()
// looks its key up. Pure. A name of plain ASCII never reaches libidn2 or libunistring.
//
// It is lenient in three places where strictness would lose real mail: dots may stand anywhere in
// an unquoted local part (a..b@docomo.example), `_` may stand in a domain, and a domain may end in
// a dot.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mailhandler::mail {

// The canonical form of a domain name: A-labels, lower case, no trailing dot. U-labels are
// converted by IDNA2008 with UTS #46 mapping (RFC 5891); what is spelt as an A-label already is
// taken as it is. An address literal keeps its brackets ("[192.0.2.1]", "[IPv6:2001:db8::1]").
// Errors: permanent, saying what is wrong with the name (empty label, label over 63 octets, name
// over 255, bad character, malformed UTF-8).
Result<std::string> canonical_domain(std::string_view name);

// The canonical form of a local part already unquoted: NFC, simple case folding. Two local parts
// with one key are one address here (Anne@, anne@), as every operator expects. Dotless and dotted
// Turkish i are letters of their own.
// Errors: permanent, for an empty one, malformed UTF-8, control characters or more than 64 octets
// (RFC 5321 section 4.5.3.1.1).
Result<std::string> canonical_local(std::string_view local);

class Address {
  public:
    Address() = default;

    // Parses Mailbox of RFC 5321 section 4.1.2, with the UTF-8 of RFC 6531: `local@domain`,
    // `"quoted local"@domain`, `local@[literal]`. No comments, no display name, no angle brackets.
    // Errors: permanent, with the reason in words a peer or a person understands; `where` is empty
    // and `cause` holds at most one printable character of the text, so it can be said in a reply.
    static Result<Address> parse(std::string_view text);

    // The same, and the bare `postmaster` of RFC 5321 section 4.5.1 (its domain is then empty). An
    // SRS address (srs.hpp) may be as long as a sender.
    static Result<Address> parse_recipient(std::string_view text);

    // The same as parse(), for a reverse-path: a local part up to 512 octets is taken. VERP and SRS
    // senders pass 64 every day, and RFC 5321 section 4.5.3.1 asks for no limits where possible.
    static Result<Address> parse_sender(std::string_view text);

    const std::string& given() const { return given_; }    // octet for octet as it came
    const std::string& local() const { return local_; }    // unquoted, otherwise as given
    const std::string& local_key() const { return local_key_; }  // canonical_local()
    const std::string& domain() const { return domain_; }  // canonical_domain()
    // `local_key@domain` as it is written, quoted where it must be, or the bare local key: equal
    // keys are the same address, and parse() reads one back.
    std::string key() const;

    // True where a peer must offer SMTPUTF8 to be told this address (RFC 6531). A domain alone
    // never needs it: it can be told as A-labels, as wire() does.
    bool needs_smtputf8() const;
    // The address as it is best told to another host: quoted where it must be, A-labels.
    std::string wire() const;

    // anne+news@x → anne@x: everything from the first `+` goes. Without a tag (no `+`, or nothing
    // before it) the address itself.
    bool has_tag() const;
    Address without_tag() const;

    bool operator==(const Address& other) const {
        return local_key_ == other.local_key_ && domain_ == other.domain_;
    }
    std::strong_ordering operator<=>(const Address& other) const;

  private:
    static Result<Address> parse_limited(std::string_view text, std::size_t limit);

    std::string given_, local_, local_key_, domain_;
};

// `local` as it must be written before an @: as it is when it is a Dot-string, else quoted.
std::string quote_local(std::string_view local);

// True for `postmaster` in any case (RFC 5321 section 4.5.1).
bool is_postmaster(std::string_view local_key);

}  // namespace mailhandler::mail
