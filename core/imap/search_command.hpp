// SEARCH, SORT and THREAD as they are asked for (RFC 9051 section 6.4.4, RFC 5256), turned into
// what their owner is asked.
#pragma once

#include <optional>
#include <string>

#include "imap/lexer.hpp"
#include "imap/message_question.hpp"
#include "imap/view.hpp"

namespace mailhandler::imap {

struct SearchCommand {
    Search question;
    // RETURN (…): ESEARCH answers (RFC 9051 section 7.3.4)
    bool extended = false;
    bool min = false, max = false, all = false, count = false, save = false;
    bool modseq = false;  // a MODSEQ key was given: the answer tells the highest (RFC 7162)
};

enum class SearchKind { search, sort, thread };

// What stands behind the verb. Nothing when it is malformed, too deep or too long; `saved` is "$".
std::optional<SearchCommand> parse_search(Lexer& words, SearchKind kind, const View& view,
                                          const UidSet& saved);

}  // namespace mailhandler::imap
