// FETCH as it is asked for (RFC 9051 section 6.4.5), taken apart.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "imap/lexer.hpp"
#include "imap/message_question.hpp"

namespace mailhandler::imap {

// One item of the response, in the order asked for.
struct FetchItem {
    enum class Kind {
        uid,
        flags,
        modseq,
        envelope,
        body_structure,
        body,
        size,
        internal_date,
        section,
    };
    Kind kind = Kind::uid;
    std::string label;        // as the response names it: "BODY[HEADER.FIELDS (FROM)]<0>"
    std::size_t section = 0;  // in FetchItems::sections
    // <0.1024>: octets at offset
    struct Partial {
        std::uint64_t offset = 0, count = 0;
    };
    std::optional<Partial> partial;
};

struct FetchCommand {
    std::vector<FetchItem> items;
    FetchItems wanted;  // of the owner
    std::optional<ModSeq> changed_since;
    bool vanished = false;  // of CHANGEDSINCE

    bool needs_content() const {
        return wanted.envelope || wanted.body_structure || wanted.body || wanted.size ||
               wanted.internal_date || !wanted.sections.empty();
    }
};

// fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP
// fetch-att) ")") [SP "(" modifiers ")"]: what stands behind the set. Nothing when malformed.
std::optional<FetchCommand> parse_fetch(Lexer& words);

}  // namespace mailhandler::imap
