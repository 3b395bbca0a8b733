// Message text as SMTP's DATA and POP3's RETR carry it: dots at the beginning of a line doubled,
// ended by CRLF.CRLF (RFC 5321 section 4.5.2, RFC 1939 section 3).
//
// The decoder is what stands between us and SMTP smuggling: nothing but CRLF.CRLF ends the text,
// in whatever pieces it arrives. Both work on streams, in any chunks, at the speed of memchr.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mailhandler::wire {

class DotDecoder {
  public:
    // `dots` false: text that is counted instead of ended (BDAT, RFC 3030; IMAP literals). It gets
    // the same care for line ends, a dot means nothing in it and it is never finished().
    explicit DotDecoder(bool dots = true) : dots_(dots) {}

    // Appends to `into` what `octets` carry, without the terminator, and returns how many octets
    // belonged to the text; fewer than given only when finished(): the rest is the peer's next
    // command. The beginning of the text counts as the beginning of a line.
    //
    // A bare LF is data and becomes CRLF; it neither ends the text nor begins a line in which a
    // dot means something. A bare CR is kept and reported by bare_cr(). NUL, 8-bit octets and
    // lines of any length pass.
    std::size_t decode(std::string_view octets, std::string& into);

    // The text is at its end without a terminator: a CR still waiting for its LF is a bare one.
    void end(std::string& into);

    bool finished() const { return state_ == State::finished; }
    bool bare_cr() const { return bare_cr_; }  // RFC 5321 section 2.3.8 forbids it
    bool bare_lf() const { return bare_lf_; }

  private:
    enum class State { line_start, dot, dot_cr, text, text_cr, finished };

    bool behind_cr(char octet, std::string& into);
    const char* text(const char* at, const char* end, std::string& into);
    void look_for_cr(const char* from, const char* to);

    bool dots_;
    State state_ = State::line_start;
    bool bare_cr_ = false;
    bool bare_lf_ = false;
};

class DotEncoder {
  public:
    // Appends `octets` to `into`, dots doubled at the beginning of lines. A bare LF becomes CRLF,
    // so that no receiver can see an end of text that is not ours.
    void encode(std::string_view octets, std::string& into);

    // Ends the last line, where it is not ended yet, and the text. Afterwards the encoder is new.
    void finish(std::string& into);

  private:
    bool line_start_ = true;
    bool cr_ = false;  // the last octet was CR
};

}  // namespace mailhandler::wire
