// The addresses of From, To, Cc and their like, as IMAP's ENVELOPE wants them (RFC 5322 section
// 3.4, with the obsolete syntax of its section 4.4).
//
// Not for deciding where mail goes: that is Address, which is strict. This reads whatever people
// and programs put into a header, and never fails: comments, quoted names, groups, routes, names
// with an @ and no quotes, brackets that never close, addresses without a domain. Linear in the
// length of the field; past address_limit, addresses are left out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mailhandler::mail {

// How many addresses of one field are read.
constexpr std::size_t address_limit = 10'000;

struct ListedAddress {
    enum class Kind {
        mailbox,
        group_begin,  // `name` is the group's; what follows is in it
        group_end,
    };
    Kind kind = Kind::mailbox;
    std::string name;    // without quotes; encoded words (RFC 2047) as they are. Else the comment
                         // behind the address, as old mailers wrote it
    std::string route;   // obs-route: "@a.example,@b.example"
    std::string local;   // without quotes
    std::string domain;  // as spelt; empty where there is none

    bool operator==(const ListedAddress&) const = default;
};

// From the body of a field, folded or not.
std::vector<ListedAddress> parse_address_list(std::string_view body);

}  // namespace mailhandler::mail
