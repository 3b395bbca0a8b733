// What a peer says in words: how it is shown to people, and what it is taken to mean where no code
// stands beside it.
#pragma once

#include <string>
#include <string_view>

namespace mailhandler::wire {

// `octets` of a peer for a person: control and 8-bit characters as \xHH, at most `longest` of them.
std::string printable(std::string_view octets, std::size_t longest = 200);

// Words by which servers without response codes tell that a login is right, but not now.
bool speaks_of_later(std::string_view text);

// Why something failed, as it will be reported.
struct Failure {
    std::string cause;  // a sentence with the server's words
    bool temporary = true;
    bool authentication = false;
};

}  // namespace mailhandler::wire
