// An e-mail address as a value: the spelling somebody gave, beside the form it is compared by.
//
// Used by everybody: SMTP parses paths into it, configuration keys are checked by it, route()
// looks its key up. Pure.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mailhandler::mail {

// The canonical form of a domain name: A-labels, lower case, no trailing dot. U-labels are
// converted by IDNA2008 with UTS #46 mapping (RFC 5891). An address literal keeps its brackets.
// Errors: permanent, saying what is wrong with the name (empty or long label, bad character).
Result<std::string> canonical_domain(std::string_view name);

// The canonical form of a local part already unquoted: NFC, simple case folding. Two local parts
// with one key are one address here (Anne@, anne@), as every operator expects.
// Errors: permanent, for malformed UTF-8, control characters or more than 64 octets of key … the
// limit of RFC 5321 section 4.5.3.1.1 counts the spelling as given.
Result<std::string> canonical_local(std::string_view local);

class Address {
  public:
    Address() = default;

    // Parses Mailbox of RFC 5321 section 4.1.2, with the UTF-8 of RFC 6531: `local@domain`,
    // `"quoted local"@domain`, `local@[literal]`. No comments, no display name, no angle brackets.
    // Errors: permanent, with the reason in words a peer or a person understands.
    static Result<Address> parse(std::string_view text);

    // The same, and the bare `postmaster` of RFC 5321 section 4.5.1 (its domain is then empty).
    static Result<Address> parse_recipient(std::string_view text);

    const std::string& given() const { return given_; }    // octet for octet as it came
    const std::string& local() const { return local_; }    // unquoted, otherwise as given
    const std::string& local_key() const { return local_key_; }  // canonical_local()
    const std::string& domain() const { return domain_; }  // canonical_domain()
    // `local_key@domain`, or the bare local key: equal keys are the same address.
    std::string key() const { return domain_.empty() ? local_key_ : local_key_ + '@' + domain_; }

    // True where a peer must offer SMTPUTF8 to be told this address (RFC 6531).
    bool needs_smtputf8() const;

    bool operator==(const Address& other) const {
        return local_key_ == other.local_key_ && domain_ == other.domain_;
    }
    std::strong_ordering operator<=>(const Address& other) const;

  private:
    std::string given_, local_, local_key_, domain_;
};

// `local` as it must be written before an @: as it is when it is a Dot-string, else quoted.
std::string quote_local(std::string_view local);

// True for `postmaster` in any case (RFC 5321 section 4.5.1).
bool is_postmaster(std::string_view local_key);

}  // namespace mailhandler::mail
