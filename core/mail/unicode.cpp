#include "mail/unicode.hpp"

#include <idn2.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include <cstdlib>
#include <memory>

namespace mailhandler::mail {

namespace {

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};

const std::uint8_t* octets(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

Result<> check(std::string_view utf8) {
    if (u8_check(octets(utf8), utf8.size())) return fail("", "is not valid UTF-8", false);
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto c = static_cast<unsigned char>(utf8[i]);
        // C0 and DEL, and the C1 controls U+0080 to U+009F
        const bool c1 =
            c == 0xc2 && i + 1 < utf8.size() && static_cast<unsigned char>(utf8[i + 1]) < 0xa0;
        if (c < 0x20 || c == 0x7f || c1) return fail("", "holds a control character", false);
    }
    return {};
}

std::string nfc(std::string_view utf8) {
    std::size_t length = 0;
    const std::unique_ptr<std::uint8_t, Free> out(
        u8_normalize(UNINORM_NFC, octets(utf8), utf8.size(), nullptr, &length));
    if (!out) throw std::bad_alloc();
    return {reinterpret_cast<const char*>(out.get()), length};
}

// lower(upper(c)) is CaseFolding.txt's C and S but for the two Turkish letters.
ucs4_t fold(ucs4_t c) { return c == 0x130 || c == 0x131 ? c : uc_tolower(uc_toupper(c)); }

std::string fold_each(std::string_view utf8) {
    std::string out;
    for (std::size_t i = 0; i < utf8.size();) {
        ucs4_t c = 0;
        const int used = u8_mbtouc(&c, octets(utf8) + i, utf8.size() - i);
        std::uint8_t folded[6];
        const int made = u8_uctomb(folded, fold(c), sizeof folded);
        out.append(reinterpret_cast<const char*>(folded), static_cast<std::size_t>(made));
        i += static_cast<std::size_t>(used);
    }
    return out;
}

}  // namespace

Result<std::string> fold_text(std::string_view utf8) {
    if (auto ok = check(utf8); !ok) return tl::unexpected(std::move(ok.error()));
    // Folding can make marks that compose anew, so that one pass is not always a fixed point.
    std::string key = nfc(fold_each(nfc(utf8)));
    for (int pass = 0; pass < 3; ++pass) {
        std::string again = nfc(fold_each(key));
        if (again == key) break;
        key = std::move(again);
    }
    return key;
}

Result<std::string> to_a_labels(std::string_view utf8) {
    if (auto ok = check(utf8); !ok) return tl::unexpected(std::move(ok.error()));
    const std::string text(utf8);
    std::uint8_t* made = nullptr;
    const int rc = idn2_lookup_u8(octets(text), &made, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    const std::unique_ptr<std::uint8_t, void (*)(void*)> out(made, idn2_free);
    if (rc == IDN2_MALLOC) throw std::bad_alloc();
    if (rc != IDN2_OK)
        return fail("", std::string("is not an internationalised name (") + idn2_strerror(rc) + ')',
                    false);
    return std::string(reinterpret_cast<const char*>(out.get()));
}

}  // namespace mailhandler::mail
