// What the envelope headers of many messages say: the table that `fetch --dry-run` ends with, and
// the reason a first run gives when it stops because it placed nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/sorting.hpp"

namespace mailhandler::agent {

// "anne@example.com, held: never-bounce": where one recipient's mail comes to rest, in a few words.
std::string fate_text(const Fate& fate);

// A fold over the messages of one run. Memory is bounded: of each header at most `most_values`
// distinct values are told apart.
class HeaderSurvey {
  public:
    static constexpr std::size_t most_values = 1000;

    struct Value {
        std::uint64_t messages = 0;
        bool placed = false;  // were this header the one that decides
        std::string fate;     // "anne@example.com", "held: unknown", "the login, skipped", …
    };
    struct Header {
        std::string name;            // as in `headers`
        std::uint64_t messages = 0;  // that have it in the trusted block
        std::uint64_t below = 0;     // that have it only below, where it is not believed
        std::uint64_t decided = 0;   // where it was the one that decided
        std::uint64_t placed = 0;    // for which it would place at least one copy
        std::map<std::string, Value> values;
        std::uint64_t more = 0;  // occurrences of further values, beyond most_values
    };

    HeaderSurvey(const config::Fetch& fetch, const route::Directory& directory, Date today);

    void add(const Judged& judged);

    std::uint64_t messages() const { return messages_; }
    std::uint64_t placed() const { return placed_; }  // messages with a recipient that gets it
    std::uint64_t without_header() const { return without_; }
    const std::vector<Header>& headers() const { return headers_; }  // in the order of `headers`

    // The same in words, one line each: for the operator.
    std::vector<std::string> words() const;

  private:
    void add(Header& header, const mail::HeaderReading& reading, bool decides);
    template <class Judge>
    bool note(Header& header, const std::string& text, const Judge& judge);

    const config::Fetch& fetch_;
    const route::Directory& directory_;
    const Date today_;
    std::vector<Header> headers_;
    std::uint64_t messages_ = 0, placed_ = 0, without_ = 0;
};

}  // namespace mailhandler::agent
