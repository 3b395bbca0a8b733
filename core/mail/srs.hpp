// SRS, the Sender Rewriting Scheme: senders of forwarded mail, so that SPF passes and bounces find
// their way back.
//
//     SRS0=HHHH=TT=their.example=anne@ours.example      we are the first who forwards
//     SRS1=HHHH=first.example==hhhh=tt=their.example=anne@ours.example    somebody did before us
//
// HHHH is the beginning of an HMAC-SHA1 in base64, TT the day in base32. Interchangeable with
// libsrs2, Mail::SRS, pysrs and postsrsd under the same secret ("The Sender Rewriting Scheme",
// M. Weimer, 2004). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "mail/address.hpp"

namespace mailhandler::mail {

// True for a local part that begins with SRS0 or SRS1 and one of = - +, whatever its case.
bool is_srs(std::string_view local);

class Srs {
  public:
    static constexpr int valid_days = 21;

    // The first secret signs, all of them are recognised: a new one is put in front of the old.
    // At least one, none empty: else std::invalid_argument.
    explicit Srs(std::vector<std::string> secrets);

    // `sender` as a sender in `domain` (canonical), one of ours. A sender of that very domain stays
    // as it is. Errors: permanent, for a sender whose SRS form is no address (over 512 octets).
    Result<Address> forward(const Address& sender, std::string_view domain, WallTime now) const;

    // The sender that `address` stands for: an SRS0 address gives the original one, an SRS1 address
    // the SRS0 address of whoever forwarded first. Errors: permanent, for what is no SRS address,
    // was not signed by us, or is older than valid_days.
    Result<Address> reverse(const Address& address, WallTime now) const;

  private:
    bool genuine(std::string_view hash, std::string_view signed_text) const;
    std::vector<std::string> secrets_;
};

}  // namespace mailhandler::mail
