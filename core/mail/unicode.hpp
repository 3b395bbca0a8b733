// The little of Unicode that addresses need; libunistring and libidn2 live only behind this.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace mailhandler::mail {

// NFC, simple case folding, NFC again. Folding is Unicode's C and S classes (CaseFolding.txt): one
// code point for one, so ß stays ß, and neither ı nor İ becomes i.
// Errors: permanent, as the end of a sentence: "is not valid UTF-8", "holds a control character".
Result<std::string> fold_text(std::string_view utf8);

// A domain name with U-labels to A-labels: IDNA2008 with UTS #46 mapping, nontransitional.
// Errors: permanent, as the end of a sentence.
Result<std::string> to_a_labels(std::string_view utf8);

}  // namespace mailhandler::mail
