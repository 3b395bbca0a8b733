#include "mail/encoded_word.hpp"

#include <optional>

#include "mail/charset.hpp"
#include "mail/header.hpp"
#include "mail/transfer_encoding.hpp"

namespace mailhandler::mail {

namespace {

// RFC 2047 section 2 allows 75 octets; nobody keeps to it.
constexpr std::size_t longest_word = 4096;

struct Word {
    std::string_view charset;
    std::string octets;  // decoded, in that charset
    std::size_t size = 0;
};

// The "Q" encoding of RFC 2047 section 4.2: quoted-printable with _ for a space.
std::string decode_q(std::string_view encoded) {
    std::string text(encoded);
    for (char& c : text)
        if (c == '_') c = ' ';
    // A space at the end is meant here.
    text += '.';
    std::string octets = decoded(text, TransferEncoding::quoted_printable);
    if (!octets.empty()) octets.pop_back();
    return octets;
}

// encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="   (RFC 2231
// section 5 for the language)
std::optional<Word> word_at(std::string_view text) {
    text = text.substr(0, longest_word);
    const std::size_t charset = text.find('?', 2);
    if (charset == text.npos || charset > 60 || charset + 2 >= text.size()) return std::nullopt;
    const char encoding = text[charset + 1] | 0x20;
    if (text[charset + 2] != '?' || (encoding != 'b' && encoding != 'q')) return std::nullopt;
    const std::size_t begin = charset + 3;
    const std::size_t end = text.find("?=", begin);
    if (end == text.npos) return std::nullopt;
    Word word;
    word.charset = text.substr(2, charset - 2);
    word.charset = word.charset.substr(0, word.charset.find('*'));
    const std::string_view encoded = text.substr(begin, end - begin);
    word.octets = encoding == 'b' ? decoded(encoded, TransferEncoding::base64) : decode_q(encoded);
    word.size = end + 2;
    return word;
}

bool is_space(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == text.npos;
}

}  // namespace

std::string decode_words(std::string_view text) {
    std::string result;
    std::string pending;  // of words not yet converted, all in one charset
    std::string_view charset;
    bool after_word = false;
    const auto flush = [&] {
        if (!pending.empty()) result += to_utf8(pending, charset);
        pending.clear();
    };
    while (!text.empty()) {
        std::size_t begin = text.find("=?");
        std::optional<Word> word;
        if (begin != text.npos) word = word_at(text.substr(begin));
        if (begin != text.npos && !word) begin += 2;  // as it stands
        const std::string_view plain = text.substr(0, begin);
        if (!(word && after_word && is_space(plain))) {
            flush();
            result += to_utf8(plain, "");
        }
        if (word) {
            if (!same_name(word->charset, charset)) flush();
            charset = word->charset;
            pending += word->octets;
        }
        after_word = word.has_value();
        text.remove_prefix(std::min(text.size(), plain.size() + (word ? word->size : 0)));
    }
    flush();
    return result;
}

}  // namespace mailhandler::mail
