// A mailbox is selected, watched, and let go (RFC 9051 sections 6.3.2, 6.3.13, 6.4.1; RFC 7162).
#include <algorithm>
#include <utility>

#include "imap/server_session.hpp"

namespace mailhandler::imap {

namespace {

constexpr std::size_t at_once = 16 * 1024;

// "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
bool take_resync(Lexer& words, Resync& resync) {
    if (!words.space() || !words.take('(')) return false;
    const auto validity = words.nz_number();
    const auto modseq = validity && words.space() ? words.number() : std::nullopt;
    if (!modseq) return false;
    resync.uid_validity = *validity;
    resync.modseq = *modseq;
    if (words.space()) {
        if (words.peek() != '(') {
            const auto set = words.token();
            auto known = set ? UidSet::parse(*set, 0) : std::nullopt;
            if (!known) return false;
            resync.known = std::move(*known);
            words.space();
        }
        // seq-match-data only narrows what is told; all that vanished is told anyhow.
        if (words.take('(')) {
            if (!words.token() || !words.space() || !words.token() || !words.take(')'))
                return false;
        }
    }
    return words.take(')');
}

}  // namespace

void ServerSession::select(Lexer& words) { open(words, false); }
void ServerSession::examine(Lexer& words) { open(words, true); }

void ServerSession::open(Lexer& words, bool read_only) {
    if (!words.space()) return bad("A mailbox name is needed");
    const auto given = words.astring();
    if (!given) return bad("A mailbox name is needed");
    Select question;
    // "" is no mailbox's name: this fails as with one that is not there, and nothing is selected.
    question.name = mailbox_name(*given).value_or(std::string());
    question.read_only = read_only;
    if (!words.at_end() && !take_select_options(words, question)) return;
    question.condstore = condstore_;
    if (question.resync) resync_above_ = question.resync->modseq;
    // RFC 7162 section 3.2.11: what follows is about another mailbox.
    if (view_)
        out_.text() += "* OK [CLOSED] The mailbox before is closed\r\n";
    view_.reset();
    resync_.reset();
    saved_ = UidSet();
    ask<Selected>(question, [this, question](Selected answer) {
        if (!answer.verdict.ok) return complete(answer.verdict, {});
        UidSet known = question.resync ? question.resync->known : UidSet();
        if (known.empty()) known.add(1, std::max<Uid>(answer.uid_next, 2) - 1);
        const bool same = question.resync && question.resync->uid_validity == answer.uid_validity;
        selected_name_ = question.name;
        vanished_earlier_ = same ? std::move(answer.vanished) : UidSet();
        view_.emplace(std::move(answer), question.read_only);
        if (same) resync_.emplace(view_->known(known));
        selected();
    });
}

// "(" "CONDSTORE" / "QRESYNC" … ")"; says what is wrong with it.
bool ServerSession::take_select_options(Lexer& words, Select& question) {
    const auto wrong = [this] { return bad("The options of SELECT are not understood"), false; };
    if (!words.space() || !words.take('(')) return wrong();
    do {
        if (words.word("CONDSTORE")) {
            condstore_ = true;
        } else if (words.word("QRESYNC")) {
            question.resync.emplace();
            if (!take_resync(words, *question.resync)) return wrong();
            if (!qresync_) return bad("QRESYNC has to be enabled first"), false;
        } else {
            return wrong();
        }
    } while (words.space());
    if (!words.take(')') || !words.at_end()) return wrong();
    return true;
}

void ServerSession::selected() {
    std::string& text = out_.text();
    const auto line = [&text](std::string_view code, std::uint64_t number, std::string_view words) {
        text += "* OK [";
        text += code;
        text += ' ';
        append_number(text, number);
        text += "] ";
        text += words;
        text += "\r\n";
    };
    view_->append_flag_lists(text);
    text += "* ";
    append_number(text, view_->count());
    text += " EXISTS\r\n";
    if (!rev2_) {
        text += "* ";
        append_number(text, view_->recent_count());
        text += " RECENT\r\n";
        std::size_t unseen = 0;
        while (unseen < view_->count() && ((*view_)[unseen].flags & flag_seen)) ++unseen;
        if (unseen < view_->count()) line("UNSEEN", unseen + 1, "The first that is unseen");
    }
    line("UIDVALIDITY", view_->uid_validity(), "UIDs are valid");
    line("UIDNEXT", view_->uid_next(), "The next UID");
    line("HIGHESTMODSEQ", view_->highest_modseq(), "Highest");
    if (rev2_) {
        text += std::string("* LIST () \"") + separator + "\" ";
        append_mailbox(text, selected_name_, utf8_);
        text += "\r\n";
    }
    if (!vanished_earlier_.empty()) {
        text += "* VANISHED (EARLIER) ";
        std::exchange(vanished_earlier_, UidSet()).append_to(text);
        text += "\r\n";
    }
    job_ = &ServerSession::resync_more;
}

// What changed since the client was here last (RFC 7162 section 3.2.5.1), then the end of SELECT.
bool ServerSession::resync_more() {
    while (resync_) {
        if (out_.size() >= at_once) return true;
        const auto index = resync_->next(*view_);
        if (!index)
            resync_.reset();
        else if ((*view_)[*index].modseq > resync_above_)
            view_->append_flags_of(out_.text(), *index, style());
    }
    complete(view_->read_only() ? "OK [READ-ONLY] Opened to be looked at"
                                : "OK [READ-WRITE] Opened");
    return false;
}

void ServerSession::close(Lexer& words) {
    if (ends(words)) end_selection(!view_->read_only(), "Closed");
}

void ServerSession::unselect(Lexer& words) {
    if (ends(words)) end_selection(false, "No longer selected");
}

// No EXPUNGE is told (RFC 9051 section 6.4.1).
void ServerSession::end_selection(bool expunge, std::string_view done) {
    view_.reset();
    saved_ = UidSet();
    ask<Verdict>(Unselect{expunge},
                 [this, done](const Verdict& verdict) { complete(verdict, done); });
}

void ServerSession::idle(Lexer& words) {
    if (!ends(words)) return;
    line_ = Line::idle;
    idle_until_ = Instant();  // set at the next Read
    out_.text() += "+ Idling\r\n";
    woken_ = false;
    if (!view_) return;
    ask<Verdict>(Watch{true}, [this](const Verdict&) { refresh_idle(); });
}

void ServerSession::refresh_idle() {
    if (!view_) return;
    ask<Refreshed>(Refresh{}, [this](Refreshed refreshed) {
        view_->apply(std::move(refreshed.changes));
        job_ = &ServerSession::tell_idle;
    });
}

bool ServerSession::tell_idle() {
    if (!view_->announce(out_.text(), style(), true, at_once)) return true;
    if (view_->gone()) leave("[UNAVAILABLE] The selected mailbox is no longer there");
    return false;
}

void ServerSession::idle_line(std::string_view line) {
    line_ = Line::command;
    const bool done = same_word(line, "DONE");
    const auto end = [this, done] {
        if (done)
            complete("OK No longer idle");
        else
            bad("IDLE ends with DONE");
    };
    if (!view_) return end();
    ask<Verdict>(Watch{false}, [end](const Verdict&) { end(); });
}

}  // namespace mailhandler::imap
