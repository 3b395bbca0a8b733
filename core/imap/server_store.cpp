// STORE, EXPUNGE, COPY, MOVE (RFC 9051 sections 6.4.3, 6.4.6–6.4.8; RFC 7162, RFC 4315).
#include <utility>

#include "imap/server_session.hpp"

namespace mailhandler::imap {

namespace {

// uid-set of COPYUID: in the order of the copies, runs joined.
void append_ordered(std::string& text, const std::vector<Uid>& uids) {
    for (std::size_t i = 0; i < uids.size();) {
        std::size_t end = i + 1;
        while (end < uids.size() && uids[end] == uids[end - 1] + 1) ++end;
        if (i != 0) text += ',';
        append_number(text, uids[i]);
        if (end - i > 1) {
            text += ':';
            append_number(text, uids[end - 1]);
        }
        i = end;
    }
}

// store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
bool take_store(Lexer& words, Store& question, bool& silent) {
    if (words.take('+'))
        question.how = Store::How::add;
    else if (words.take('-'))
        question.how = Store::How::remove;
    else
        question.how = Store::How::replace;
    silent = words.word("FLAGS.SILENT");
    if ((!silent && !words.word("FLAGS")) || !words.space()) return false;
    if (words.peek() == '(') {
        auto flags = parse_flags(words);
        if (!flags) return false;
        question.flags = std::move(*flags);
        return words.at_end();
    }
    do {
        const auto name = words.token();
        if (!name || !take_flag(*name, question.flags)) return false;
    } while (words.space());
    return words.at_end();
}

}  // namespace

void ServerSession::store(Lexer& words) {
    Store question;
    auto set = take_set(words);
    if (!set) return;
    const auto wrong = [this] { bad("STORE needs a set, FLAGS and a list of flags"); };
    if (!words.space()) return wrong();
    if (words.take('(')) {
        if (!words.word("UNCHANGEDSINCE") || !words.space()) return wrong();
        question.unchanged_since = words.number();
        if (!question.unchanged_since || !words.take(')') || !words.space()) return wrong();
        condstore_ = true;
    }
    bool silent = false;
    if (!take_store(words, question, silent)) return wrong();
    if (!may_change()) return;
    if (set->empty()) return complete("OK Nothing to be stored");
    question.uids = *set;
    ask<Stored>(std::move(question), [this, set = std::move(*set), silent](Stored answer) {
        stored(std::move(answer), set, silent);
    });
}

void ServerSession::stored(Stored stored, const UidSet& uids, bool silent) {
    // With CONDSTORE the client hears each new modseq all the same (RFC 7162 section 3.1.3).
    view_->apply(std::move(stored.changes), silent && !condstore_ ? &uids : nullptr);
    if (stored.verdict.ok && !silent) view_->touch(uids);
    if (!stored.verdict.ok || stored.modified.empty()) return complete(stored.verdict, "Stored");
    UidSet told = stored.modified;
    if (!uid_) {
        told = UidSet();
        View::Walk walk(stored.modified);
        while (const auto index = walk.next(*view_)) told.add(static_cast<Uid>(*index + 1));
    }
    complete("OK [MODIFIED " + told.text() + "] Some have changed in the meantime");
}

void ServerSession::expunge(Lexer& words) {
    Expunge question;
    if (uid_) {
        auto set = take_set(words);
        if (!set) return;
        question.uids = std::move(*set);
    }
    if (!ends(words) || !may_change()) return;
    ask<Changed>(std::move(question), [this](Changed changed) {
        view_->apply(std::move(changed.changes));
        std::string code;
        if (condstore_) {
            code = "[HIGHESTMODSEQ ";
            append_number(code, view_->highest_modseq());
            code += "] ";
        }
        complete(changed.verdict, "Expunged", code);
    });
}

void ServerSession::copy(Lexer& words) { copy_or_move(words, false); }
void ServerSession::move(Lexer& words) { copy_or_move(words, true); }

void ServerSession::copy_or_move(Lexer& words, bool move) {
    auto set = take_set(words);
    if (!set) return;
    if (!words.space()) return bad("A mailbox name is needed");
    auto name = take_mailbox(words);
    if (!name || !ends(words)) return;
    if (move && !may_change()) return;
    if (set->empty()) return complete("OK Nothing to be copied");
    Copy question{std::move(*set), std::move(*name), move};
    ask<Copied>(std::move(question), [this, move](Copied copied) {
        view_->apply(std::move(copied.changes));
        std::string code;
        if (copied.verdict.ok && !copied.to.empty() && copied.from.size() == copied.to.size()) {
            code = "[COPYUID ";
            append_number(code, copied.uid_validity);
            code += ' ';
            append_ordered(code, copied.from);
            code += ' ';
            append_ordered(code, copied.to);
            code += "] ";
        }
        // RFC 6851 section 4.3: before what has moved is expunged.
        if (move && !code.empty()) out_.text() += "* OK " + std::exchange(code, {}) + "Moved\r\n";
        complete(copied.verdict, move ? "Moved" : "Copied", code);
    });
}

}  // namespace mailhandler::imap
