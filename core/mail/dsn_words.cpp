#include "mail/dsn_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "mail/dsn_text.hpp"

namespace mailhandler::mail {

namespace {

struct Meaning {
    std::string_view code;  // without its class: "1.1", or "1." for all of them
    std::string_view text;
};

// RFC 3463 section 3; the first that fits.
constexpr Meaning meanings[] = {
    {"1.1",
     "There is no such address. Please check how it is spelt, or ask the person another way."},
    {"1.2", "There is no such mail domain. Please check what stands after the @."},
    {"1.3", "The address is not written as an address can be. Please check how it is spelt."},
    {"1.6", "The mailbox has moved and left no new address. Please ask the person another way."},
    {"1.10", "The domain takes no mail. Please ask the person another way."},
    {"1.", "The address was not accepted. Please check how it is spelt."},
    {"2.1", "The mailbox takes no mail. Please reach the person another way."},
    {"2.2", "The mailbox is full. Please try again in some days, or reach the person another way."},
    {"2.3", "The message is too large. Please send less at once, or share the file another way."},
    {"3.4", "The message is too large. Please send less at once, or share the file another way."},
    {"4.1", "The other mail server does not answer."},
    {"4.4", "It could not be found out which server takes this mail."},
    {"4.6",
     "The message went round in a circle between mail servers. The people who look after "
     "this address have to mend that."},
    {"4.7",
     "It could not be handed over in all the time that is allowed for it. You may send it "
     "again later, or reach the person another way."},
    {"6.", "The message is not in a form that can be accepted. Please send it in a simpler one."},
    {"7.",
     "The message was refused by a rule of the receiving side. What it says below may tell "
     "why; if it should not be so, the people there have to be asked."},
};

std::string about(const Dsn& dsn, const std::string& subject) {
    // Words encoded by RFC 2047 are for programs.
    if (subject.empty() || subject.size() > 200 || subject.find("=?") != subject.npos)
        return fmt::format("of {}", rfc5322_date(dsn.arrived));
    return fmt::format("\"{}\", of {},", subject, rfc5322_date(dsn.arrived));
}

const char* what_happened(DsnAction action) {
    switch (action) {
        case DsnAction::failed: return "could not be delivered to:";
        case DsnAction::delayed: return "has not yet been delivered to:";
        case DsnAction::delivered: return "was put into the mailbox of:";
        case DsnAction::relayed: return "was passed on to the mail server of:";
    }
    return "";
}

std::string what_follows(const Dsn& dsn) {
    switch (dsn.action) {
        case DsnAction::failed:
            return "It will not be tried again. Whoever is not named here is not concerned.";
        case DsnAction::delayed:
            return fmt::format("You need do nothing: it will be tried again until {}, and if it then "
                               "cannot be delivered you will be told.",
                               rfc5322_date(dsn.until));
        case DsnAction::delivered:
            return "You asked to be told. Whether it was read, nobody here can know.";
        case DsnAction::relayed:
            return "You asked to be told when it is delivered; that server may not tell you.";
    }
    return {};
}

}  // namespace

std::string meaning(const std::string& status) {
    const std::string_view code =
        std::string_view(status).substr(std::min<std::size_t>(2, status.size()));
    for (const Meaning& known : meanings)
        if (known.code.ends_with('.') ? code.starts_with(known.code) : code == known.code)
            return std::string(known.text);
    return "The message was not accepted.";
}

std::string words(const Dsn& dsn, std::span<const Told> told, const std::string& subject) {
    const bool trouble = dsn.action == DsnAction::failed || dsn.action == DsnAction::delayed;
    std::string out = wrapped("This is the mail server " + dsn.hostname + ".", "") + "\r\n";
    out += wrapped(
        fmt::format("Your message {} {}", about(dsn, subject), what_happened(dsn.action)),
        "");
    for (const Told& one : told) {
        out += "\r\n    " + clean(one.address, true) + "\r\n";
        if (!trouble) continue;
        out += wrapped(meaning(one.status), "        ");
        if (one.reply.empty()) continue;
        const std::string who = one.remote.empty() ? "The reply was" : one.remote + " said";
        out += wrapped(fmt::format("{}: {}", who, one.reply), "        ");
    }
    out += "\r\n";
    return out + wrapped(what_follows(dsn), "");
}

}  // namespace mailhandler::mail
