// Whether one message is what a SEARCH program asks for (RFC 9051 section 6.4.4): the program is
// prepared once, its texts folded, what costs little judged first; a message is read only as far
// as its answer needs.
#pragma once

#include <string>
#include <vector>

#include "agent/contents_reading.hpp"
#include "imap/search_program.hpp"

namespace mailhandler::agent {

class SearchMatcher {
  public:
    // `charset`: of the program's texts, one that is known (mail/charset.hpp).
    SearchMatcher(const imap::SearchKey& program, std::string_view charset);

    // Fails as the disk does; ENOENT: the message has vanished.
    Result<bool> matches(const store::ListedMessage& listed, ContentsReading& reading) const;

  private:
    struct Key {
        const imap::SearchKey* asked;
        std::vector<Key> keys;  // the cheapest first
        std::string text;       // in caseless form
        int cost = 0;
    };
    class Subject;

    static Key prepared(const imap::SearchKey& asked, std::string_view charset);

    Key root_;
};

}  // namespace mailhandler::agent
