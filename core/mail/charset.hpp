// Text in any charset as UTF-8, for searching and sorting. iconv(3) lives only behind this.
//
// Never fails: what is malformed becomes U+FFFD, and text in a charset nobody knows, or that says
// it is US-ASCII and is not, is taken for UTF-8 where it is that, else for windows-1252. Names that
// mail uses wrongly mean what the mail programs meant (gb2312 is GB18030, iso-8859-1 windows-1252).
#pragma once

#include <string>
#include <string_view>

namespace mailhandler::mail {

// True where SEARCH CHARSET may name it.
bool is_charset(std::string_view name);

// All of a text. The result is well-formed UTF-8.
std::string to_utf8(std::string_view octets, std::string_view charset);

// A text in pieces.
class CharsetDecoder {
  public:
    explicit CharsetDecoder(std::string_view charset);
    ~CharsetDecoder();
    CharsetDecoder(const CharsetDecoder&) = delete;
    CharsetDecoder& operator=(const CharsetDecoder&) = delete;

    // Appends well-formed UTF-8; a character that the piece's end divides comes with the next.
    void feed(std::string_view octets, std::string& into);
    void finish(std::string& into);

  private:
    void convert(std::string_view octets, std::string& into);
    void guess(std::string_view octets, std::string& into, bool last);

    void* converter_ = nullptr;  // iconv_t; null: UTF-8, or to be guessed
    std::string held_;           // the beginning of a character
};

}  // namespace mailhandler::mail
