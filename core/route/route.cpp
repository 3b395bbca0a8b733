#include "route/route.hpp"

#include "route/walk.hpp"

namespace mailhandler::route {

std::string_view name(Rule rule) {
    switch (rule) {
        case Rule::mailbox: return "mailbox";
        case Rule::alias: return "alias";
        case Rule::bouncer: return "bouncer";
        case Rule::bouncer_expired: return "bouncer-expired";
        case Rule::tag: return "tag";
        case Rule::default_reject: return "default-reject";
        case Rule::default_deliver: return "default-deliver";
        case Rule::default_forward: return "default-forward";
        case Rule::subdomains: return "subdomains";
        case Rule::postmaster: return "postmaster";
        case Rule::not_ours: return "not-ours";
        case Rule::unavailable: return "unavailable";
        case Rule::elsewhere: return "elsewhere";
        case Rule::undefined: return "undefined";
        case Rule::loop: return "loop";
    }
    return "";
}

Route route(const Directory& directory, const mail::Address& recipient, Date today) {
    return Walk(directory, today).run(recipient);
}

}  // namespace mailhandler::route
