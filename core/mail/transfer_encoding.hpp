// A part's transfer encoding undone (RFC 2045 section 6): base64 and quoted-printable, piece by
// piece, so that a large part is never held.
//
// Lenient, as everybody's mail needs it: in base64 what is no digit is passed over, and behind
// padding it begins anew; in quoted-printable an = that begins nothing stays, white space at a
// line's end goes (section 6.7, rule 3).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mailhandler::mail {

enum class TransferEncoding {
    identity,  // 7bit, 8bit, binary
    base64,
    quoted_printable,
    unknown,
};

// By its name in any case; none is 7bit.
TransferEncoding transfer_encoding(std::string_view name);

class TransferDecoder {
  public:
    explicit TransferDecoder(TransferEncoding encoding) : encoding_(encoding) {}

    // Appends what `encoded` decodes to. `unknown` is left as it is.
    void feed(std::string_view encoded, std::string& into);
    // There is no more.
    void finish(std::string& into);

  private:
    void base64(std::string_view encoded, std::string& into);
    void quoted(std::string_view encoded, std::string& into);

    TransferEncoding encoding_;
    std::uint32_t bits_ = 0;
    unsigned digits_ = 0;
    std::string held_;  // white space, or the beginning of an escape, whose meaning comes later
};

// All at once.
std::string decoded(std::string_view encoded, TransferEncoding encoding);

}  // namespace mailhandler::mail
