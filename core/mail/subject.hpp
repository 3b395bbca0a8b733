// The base subject of RFC 5256 section 2.1: what a subject is about, without "Re:", "[list]" and
// "(fwd)", so that messages of one conversation have the same.
#pragma once

#include <string>
#include <string_view>

namespace mailhandler::mail {

struct BaseSubject {
    std::string text;    // UTF-8; compared in caseless() form
    bool reply = false;  // something said that it is a reply or a forward
};

// From the field's value, encoded words and all.
BaseSubject base_subject(std::string_view value);

}  // namespace mailhandler::mail
