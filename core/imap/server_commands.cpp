// Commands: who may give which, and how each ends.
#include <algorithm>
#include <utility>

#include "mail/modified_utf7.hpp"
#include "imap/server_session.hpp"

namespace mailhandler::imap {

using mail::from_modified_utf7, mail::to_modified_utf7, mail::well_formed_utf8;

namespace {

constexpr std::size_t longest_name = 1000;  // octets of a mailbox name
constexpr std::size_t longest_tag = 100;

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

}  // namespace

using S = ServerSession;

const S::Verb S::verbs[] = {
    {"CAPABILITY", Needs::nothing, &S::capability},
    {"NOOP", Needs::nothing, &S::noop},
    {"LOGOUT", Needs::nothing, &S::logout},
    {"ID", Needs::nothing, &S::id},
    {"STARTTLS", Needs::login, &S::starttls},
    {"LOGIN", Needs::login, &S::login},
    {"AUTHENTICATE", Needs::login, &S::authenticate},
    {"ENABLE", Needs::authenticated, &S::enable},
    {"COMPRESS", Needs::authenticated, &S::compress},
    {"SELECT", Needs::authenticated, &S::select},
    {"EXAMINE", Needs::authenticated, &S::examine},
    {"CREATE", Needs::authenticated, &S::create},
    {"DELETE", Needs::authenticated, &S::remove},
    {"RENAME", Needs::authenticated, &S::rename},
    {"SUBSCRIBE", Needs::authenticated, &S::subscribe},
    {"UNSUBSCRIBE", Needs::authenticated, &S::unsubscribe},
    {"LIST", Needs::authenticated, &S::list},
    {"LSUB", Needs::authenticated, &S::lsub},
    {"NAMESPACE", Needs::authenticated, &S::namespaces},
    {"STATUS", Needs::authenticated, &S::status},
    {"APPEND", Needs::authenticated, &S::append},
    {"IDLE", Needs::authenticated, &S::idle},
    {"GETQUOTA", Needs::authenticated, &S::getquota},
    {"GETQUOTAROOT", Needs::authenticated, &S::getquotaroot},
    {"SETQUOTA", Needs::authenticated, &S::setquota},
    {"GETMETADATA", Needs::authenticated, &S::getmetadata},
    {"SETMETADATA", Needs::authenticated, &S::setmetadata},
    {"CHECK", Needs::selected, &S::noop},
    {"CLOSE", Needs::selected, &S::close},
    {"UNSELECT", Needs::selected, &S::unselect},
    {"EXPUNGE", Needs::selected, &S::expunge, true},
    {"FETCH", Needs::selected, &S::fetch, true, true},
    {"STORE", Needs::selected, &S::store, true, true},
    {"COPY", Needs::selected, &S::copy, true},
    {"MOVE", Needs::selected, &S::move, true},
    {"SEARCH", Needs::selected, &S::search, true, true},
    {"SORT", Needs::selected, &S::sort, true, true},
    {"THREAD", Needs::selected, &S::thread, true, true},
};

void ServerSession::obey(std::string_view text) {
    Lexer words(text);
    const auto tag = words.tag();
    tag_ = tag && tag->size() <= longest_tag ? std::string(*tag) : "*";
    uid_ = keep_numbers_ = false;
    if (tag_ == "*") return bad("A command begins with a tag");
    const Verb* verb = words.space() ? find_verb(words) : nullptr;
    if (verb == nullptr) return bad("There is no such command");
    if (!allowed(*verb)) return;
    keep_numbers_ = verb->keeps_numbers && !uid_;
    (this->*verb->handler)(words);
}

const ServerSession::Verb* ServerSession::find_verb(Lexer& words) {
    auto name = words.atom();
    if (name && same_word(*name, "UID")) {
        uid_ = true;
        name = words.space() ? words.atom() : std::nullopt;
    }
    for (const Verb& verb : verbs)
        if (name && same_word(verb.name, *name) && (!uid_ || verb.uid)) return &verb;
    return nullptr;
}

bool ServerSession::allowed(const Verb& verb) {
    const bool logged_in = phase_ == Phase::authenticated;
    if (verb.needs == Needs::login && logged_in) return bad("You are logged in already"), false;
    if (verb.needs >= Needs::authenticated && !logged_in) return bad("Log in first"), false;
    if (verb.needs == Needs::selected && !view_) return bad("No mailbox is selected"), false;
    return true;
}

// A line that ends in a literal's mark: a part of the command, or a message that is appended.
void ServerSession::take_literal() {
    Lexer words(reader_.text());
    const bool waits = reader_.mark().synchronizing;
    if (!append_) {
        const auto tag = words.tag();
        tag_ = tag && tag->size() <= longest_tag ? std::string(*tag) : "*";
        keep_numbers_ = false;
        const bool append = tag && words.space() && words.word("APPEND") && words.space();
        const bool name = append && words.rest() == reader_.text().substr(reader_.mark().at);
        if (!append || name || phase_ != Phase::authenticated) {
            if (!reader_.fits()) return refuse_literal();
            reader_.gather();
            if (waits) out_.text() += "+ Go on\r\n";
            return;
        }
    }
    begin_append_message(words);
}

// RFC 7888 section 4: what is not waited for comes all the same, or the connection ends.
void ServerSession::refuse_literal() {
    if (!reader_.mark().synchronizing) return leave("[TOOBIG] The literal is too large");
    reader_.forget();
    bad("[TOOBIG] The literal is too large");
}

void ServerSession::bad(std::string_view text) {
    if (++errors_ >= settings_.errors) return leave("Too many errors");
    tagged_ = tag_ + " BAD " + std::string(text) + "\r\n";
    out_.text() += tagged_;
}

// Ends the command under way: first what has changed, then `status` behind the tag.
void ServerSession::complete(std::string status) {
    tagged_ = tag_ + ' ' + std::move(status) + "\r\n";
    job_ = &ServerSession::end_command;
}

void ServerSession::complete(const Verdict& verdict, std::string_view done, std::string_view code) {
    if (!verdict.ok) return complete(refusal(verdict));
    std::string status = "OK " + std::string(code);
    status += verdict.text.empty() ? done : std::string_view(verdict.text);
    complete(std::move(status));
}

std::string ServerSession::refusal(const Verdict& verdict) {
    return "NO " + code_text(verdict) + (verdict.text.empty() ? "It cannot be done" : verdict.text);
}

void ServerSession::complete_with(const Verdict& verdict, Changes changes, std::string_view done,
                                  std::string_view code) {
    if (view_) view_->apply(std::move(changes));
    complete(verdict, done, code);
}

bool ServerSession::end_command() {
    constexpr std::size_t at_once = 16 * 1024;
    if (view_ && !view_->announce(out_.text(), style(), !keep_numbers_, at_once)) return true;
    // RFC 7162 section 3.2: a client that is cut off now must ask for what vanished.
    if (const ModSeq before = view_ && qresync_ ? view_->before_vanished() : 0) {
        out_.text() += "* OK [HIGHESTMODSEQ ";
        append_number(out_.text(), before);
        out_.text() += "] What has vanished is told later\r\n";
    }
    out_.text() += tagged_;
    if (phase_ == Phase::authenticated) errors_ = 0;
    if (view_ && view_->gone()) {
        leave("[UNAVAILABLE] The selected mailbox is no longer there");
    }
    return false;
}

bool ServerSession::ends(Lexer& words) {
    if (words.at_end()) return true;
    bad("There is more than the command takes");
    return false;
}

// astring that is a mailbox's name; says what is wrong with it.
std::optional<std::string> ServerSession::take_mailbox(Lexer& words) {
    const auto given = words.astring();
    if (!given) {
        bad("A mailbox name is needed");
        return std::nullopt;
    }
    auto name = mailbox_name(*given);
    if (!name) no("[CANNOT] That can be no mailbox's name");
    return name;
}

// As UTF-8, INBOX spelt so. Nothing: it is not well-formed.
std::optional<std::string> ServerSession::mailbox_name(std::string_view given) {
    std::optional<std::string> name;
    if (!utf8_)
        name = from_modified_utf7(given);
    else if (well_formed_utf8(given))
        name = std::string(given);
    if (!name || name->empty() || name->size() > longest_name || has_control(*name))
        return std::nullopt;
    const std::size_t level = std::min(name->find(separator), name->size());
    if (same_word(std::string_view(*name).substr(0, level), "INBOX"))
        name->replace(0, level, "INBOX");
    return name;
}

// SP sequence-set, in UIDs; says what is wrong with it.
std::optional<UidSet> ServerSession::take_set(Lexer& words) {
    const auto text = words.space() ? words.token() : std::nullopt;
    std::optional<UidSet> set;
    if (text && *text == "$")
        set = view_->known(saved_);
    else if (text)
        set = uid_ ? view_->uids(*text) : view_->numbers(*text);
    if (!set) bad("No set of messages that are there");
    return set;
}

// What changes the selected mailbox is refused in one that is only looked at.
bool ServerSession::may_change() {
    if (!view_->read_only()) return true;
    no("[READ-ONLY] The mailbox was opened to be looked at");
    return false;
}

}  // namespace mailhandler::imap
