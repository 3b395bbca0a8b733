// From the greeting to a login, and what may be said at any time.
#include <utility>

#include "imap/server_session.hpp"
#include "wire/sasl.hpp"

namespace mailhandler::imap {

void ServerSession::greet(const Verdict& verdict) {
    if (!verdict.ok) return leave(verdict.text.empty() ? "Not now" : verdict.text);
    phase_ = Phase::login;
    out_.text() += "* OK [" + capabilities() + "] ";
    out_.text() += verdict.text.empty() ? settings_.hostname + " IMAP" : verdict.text;
    out_.text() += "\r\n";
}

void ServerSession::capability(Lexer& words) {
    if (!ends(words)) return;
    out_.text() += "* " + capabilities() + "\r\n";
    complete("OK That is all");
}

// NOOP and CHECK. Both always succeed (RFC 9051 section 6.1.2, RFC 3501 section 6.4.1): where nothing
// can be seen of the mailbox now, an untagged NO warns of it.
void ServerSession::noop(Lexer& words) {
    if (!ends(words)) return;
    if (!view_) return complete("OK Nothing done");
    ask<Refreshed>(Refresh{}, [this](Refreshed refreshed) {
        view_->apply(std::move(refreshed.changes));
        if (refreshed.verdict.ok) return complete("OK That is the news");
        out_.text() += "* " + refusal(refreshed.verdict) + "\r\n";
        complete("OK Nothing is known of any news");
    });
}

void ServerSession::logout(Lexer& words) {
    if (!ends(words)) return;
    out_.text() += "* BYE Goodbye\r\n" + tag_ + " OK Logged out\r\n";
    leave({});
}

// id-params-list = "(" *(string SP nstring) ")" / nil. Nothing depends on what it says.
void ServerSession::id(Lexer& words) {
    if (!words.space()) return bad("ID needs a list or NIL");
    if (words.take('(')) {
        while (words.peek() != ')') {
            if (!words.string() || !words.space() || (!words.word("NIL") && !words.string()))
                return bad("ID needs pairs of strings");
            if (!words.space() && words.peek() != ')') return bad("ID needs a list or NIL");
        }
        words.take(')');
    } else if (!words.word("NIL")) {
        return bad("ID needs a list or NIL");
    }
    if (!ends(words)) return;
    out_.text() += "* ID (\"name\" \"mailhandler\")\r\n";
    complete("OK Pleased to meet you");
}

void ServerSession::enable(Lexer& words) {
    std::string enabled;
    const auto turn_on = [&enabled](bool& option, std::string_view name) {
        if (!option) enabled += ' ' + std::string(name);
        option = true;
    };
    bool any = false;
    while (words.space()) {
        const auto name = words.atom();
        if (!name) return bad("ENABLE needs names of capabilities");
        any = true;
        if (same_word(*name, "CONDSTORE")) turn_on(condstore_, "CONDSTORE");
        if (same_word(*name, "QRESYNC")) {
            turn_on(qresync_, "QRESYNC");
            condstore_ = true;
        }
        if (same_word(*name, "UTF8=ACCEPT")) turn_on(utf8_, "UTF8=ACCEPT");
        if (same_word(*name, "IMAP4rev2")) {
            turn_on(rev2_, "IMAP4rev2");
            utf8_ = true;
        }
    }
    if (!any) return bad("ENABLE needs names of capabilities");
    if (!ends(words)) return;
    out_.text() += "* ENABLED" + enabled + "\r\n";
    complete("OK Enabled");
}

void ServerSession::starttls(Lexer& words) {
    if (!ends(words)) return;
    if (secure()) return bad("TLS is active");
    if (!settings_.tls_offered) return bad("There is no TLS here");
    out_.text() += tag_ + " OK Begin TLS\r\n";
    start_tls_ = true;
    reader_.clear();  // RFC 9051 section 6.2.1: what stands behind it was said by anybody
}

void ServerSession::compress(Lexer& words) {
    if (!words.space() || !words.word("DEFLATE")) return bad("Only DEFLATE is known");
    if (!ends(words)) return;
    if (compressed_) return no("[COMPRESSIONACTIVE] It is compressed already");
    if (!settings_.compression) return bad("There is no compression here");
    out_.text() += tag_ + " OK Compressed from here on\r\n";
    compressed_ = start_deflate_ = true;
    reader_.clear();  // RFC 4978 section 3: nothing may be sent before the OK has come
}

void ServerSession::login(Lexer& words) {
    auto login = words.space() ? words.astring() : std::nullopt;
    auto password = login && words.space() ? words.astring() : std::nullopt;
    if (!password) return bad("LOGIN needs a name and a password");
    if (!ends(words)) return;
    if (!may_log_in()) return no("[PRIVACYREQUIRED] No login in clear");
    try_login(std::move(*login), std::move(*password));
}

// "AUTHENTICATE" SP auth-type [SP initial-resp]   (RFC 4959 section 3)
void ServerSession::authenticate(Lexer& words) {
    const auto mechanism = words.space() ? words.atom() : std::nullopt;
    if (!mechanism) return bad("AUTHENTICATE needs a mechanism");
    if (!same_word(*mechanism, "PLAIN")) return no("[CANNOT] The only mechanism is PLAIN");
    if (!may_log_in()) return no("[PRIVACYREQUIRED] No login in clear");
    if (words.space()) {
        const std::string_view initial = words.rest();
        return sasl_response(initial == "=" ? std::string_view() : initial);
    }
    if (!ends(words)) return;
    line_ = Line::sasl;
    out_.text() += "+ \r\n";
}

void ServerSession::sasl_response(std::string_view line) {
    line_ = Line::command;
    if (line == "*") return bad("Given up");
    const auto message = wire::base64_decode(line);
    auto plain = message ? wire::parse_plain(*message) : std::nullopt;
    if (!plain) return bad("Not a message of PLAIN");
    if (!plain->authorize.empty() && plain->authorize != plain->login)
        return no("[AUTHORIZATIONFAILED] Nobody may act as somebody else");
    try_login(std::move(plain->login), std::move(plain->password));
}

void ServerSession::try_login(std::string login, std::string password) {
    ask<Verdict>(MayLogin{login, std::move(password)}, [this, login](const Verdict& verdict) {
        if (verdict.ok) {
            client_.login = login;
            phase_ = Phase::authenticated;
            reader_.limits(settings_.line - 2, settings_.command);
            return complete("OK [" + capabilities() + "] Logged in");
        }
        Verdict refused = verdict;
        if (refused.code == Code::none) refused.code = Code::authentication_failed;
        if (refused.text.empty()) refused.text = "The login is refused";
        complete(refused, {});
        if (refused.code == Code::authentication_failed &&
            ++refused_logins_ >= settings_.refused_logins) {
            out_.text() += tagged_;
            leave("Too many refused logins");
        }
    });
}

}  // namespace mailhandler::imap
