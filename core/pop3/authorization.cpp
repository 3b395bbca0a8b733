#include "pop3/authorization.hpp"

#include <utility>

#include "pop3/response.hpp"
#include "wire/sasl.hpp"

namespace mailhandler::pop3 {

namespace {

using Step = Authorization::Step;

Step replied(std::string reply) { return {Step::Kind::reply, std::move(reply), {}, {}}; }
Step mistaken(std::string reply) { return {Step::Kind::mistake, std::move(reply), {}, {}}; }

}  // namespace

std::string capabilities(const Privacy& privacy) {
    std::string lines = ok("what this server can do");
    lines += "TOP\r\nUIDL\r\n";
    if (privacy.may_login()) lines += "USER\r\nSASL PLAIN\r\n";
    if (privacy.may_stls()) lines += "STLS\r\n";
    lines += "PIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nUTF8\r\nEXPIRE NEVER\r\n"
             "IMPLEMENTATION mailhandler\r\n.\r\n";
    return lines;
}

Step Authorization::command(const Command& command, const Privacy& privacy) {
    switch (command.verb) {
        case Verb::stls: return stls(privacy);
        case Verb::utf8: return {Step::Kind::utf8, ok("UTF-8 it is"), {}, {}};
        case Verb::user:
        case Verb::pass:
        case Verb::auth: break;
        case Verb::unknown: return mistaken(err("no such command"));
        default: return mistaken(err("log in first"));
    }
    if (!privacy.may_login()) {
        return mistaken(err("AUTH", privacy.may_stls() ? "no login in clear, say STLS first"
                                                       : "no login in clear, connect with TLS"));
    }
    if (command.verb == Verb::user) return user(command.argument);
    if (command.verb == Verb::pass) return pass(command.argument);
    return auth(command.argument);
}

// RFC 2595 section 4: what was said in clear counts for nothing afterwards.
Step Authorization::stls(const Privacy& privacy) {
    if (privacy.secure) return mistaken(err("TLS is active"));
    if (!privacy.tls_offered) return mistaken(err("there is no TLS here"));
    user_.clear();
    return {Step::Kind::start_tls, ok("begin TLS"), {}, {}};
}

Step Authorization::user(std::string_view name) {
    if (name.empty()) return mistaken(err("USER needs a name"));
    user_ = name;
    return replied(ok("the password, please"));
}

Step Authorization::pass(std::string_view password) {
    if (user_.empty()) return mistaken(err("USER comes first"));
    return {Step::Kind::login, {}, std::exchange(user_, {}), std::string(password)};
}

// "AUTH" [SP mechanism [SP initial-response]]   (RFC 5034 section 4)
Step Authorization::auth(std::string_view argument) {
    // As clients older than RFC 2449 ask for the mechanisms.
    if (argument.empty()) return replied(ok("mechanisms") + "PLAIN\r\n.\r\n");
    const std::size_t space = argument.find(' ');
    if (!same_keyword(argument.substr(0, space), "PLAIN"))
        return mistaken(err("the only mechanism is PLAIN"));
    if (space != argument.npos) return response(argument.substr(space + 1));
    in_exchange_ = true;
    return replied("+ \r\n");
}

Step Authorization::response(std::string_view line) {
    in_exchange_ = false;
    if (line == "*") return mistaken(err("AUTH given up"));
    const auto message = wire::base64_decode(line);
    auto plain = message ? wire::parse_plain(*message) : std::nullopt;
    if (!plain) return mistaken(err("not a message of PLAIN"));
    if (!plain->authorize.empty() && plain->authorize != plain->login)
        return mistaken(err("AUTH", "nobody may act as somebody else"));
    return {Step::Kind::login, {}, std::move(plain->login), std::move(plain->password)};
}

}  // namespace mailhandler::pop3
