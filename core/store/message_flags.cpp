#include "store/message_flags.hpp"

#include <algorithm>

namespace mailhandler::store {

namespace {

struct SystemLetter {
    char letter;
    Flags flag;
};
constexpr SystemLetter system_letters[] = {{'D', flag_draft},
                                           {'F', flag_flagged},
                                           {'R', flag_answered},
                                           {'S', flag_seen},
                                           {'T', flag_deleted}};

Flags flag_of_letter(char letter) {
    if (letter >= 'a' && letter <= 'z') {
        return Flags{1} << (first_keyword_bit + static_cast<unsigned>(letter - 'a'));
    }
    for (const auto& each : system_letters) {
        if (each.letter == letter) return each.flag;
    }
    return 0;
}

std::string_view letters_in(std::string_view file) {
    const auto colon = file.find(':');
    if (colon == file.npos || file.substr(colon, 3) != ":2,") return {};
    return file.substr(colon + 3);
}

}  // namespace

Flags flags_of_letters(std::string_view letters) {
    Flags flags = 0;
    for (const char letter : letters) flags |= flag_of_letter(letter);
    return flags;
}

Flags flags_of_file(std::string_view file) { return flags_of_letters(letters_in(file)); }

std::string letters_of(Flags flags, std::string_view kept) {
    std::string letters;
    for (const auto& each : system_letters) {
        if (flags & each.flag) letters += each.letter;
    }
    for (char letter = 'a'; letter <= 'z'; ++letter) {
        if (flags & flag_of_letter(letter)) letters += letter;
    }
    for (const char letter : kept) {
        if (flag_of_letter(letter) == 0) letters += letter;
    }
    std::sort(letters.begin(), letters.end());
    letters.erase(std::unique(letters.begin(), letters.end()), letters.end());
    return letters;
}

std::string with_flags(std::string_view file, Flags flags) {
    return std::string(without_flags(file)) + ":2," + letters_of(flags, letters_in(file));
}

std::string_view without_flags(std::string_view file) { return file.substr(0, file.find(':')); }

// Of every name of a mailbox, often: a search for one character is a few instructions, one for a set of
// them costs ten times as much.
std::string_view base_of(std::string_view file) {
    const std::string_view before_comma = file.substr(0, file.find(','));
    return before_comma.substr(0, before_comma.find(':'));
}

}  // namespace mailhandler::store
