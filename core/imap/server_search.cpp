// SEARCH, SORT and THREAD (RFC 9051 section 6.4.4, RFC 5256, RFC 5182, RFC 7162).
#include <algorithm>
#include <utility>

#include "imap/server_session.hpp"

namespace mailhandler::imap {

void ServerSession::search(Lexer& words) { run_search(words, SearchKind::search); }
void ServerSession::sort(Lexer& words) { run_search(words, SearchKind::sort); }
void ServerSession::thread(Lexer& words) { run_search(words, SearchKind::thread); }

void ServerSession::run_search(Lexer& words, SearchKind kind) {
    auto command = words.space() ? parse_search(words, kind, *view_, saved_) : std::nullopt;
    if (!command) return bad("What to look for is not understood");
    // RFC 9051 section 6.4.4: IMAP4rev2 always answers with ESEARCH.
    if (kind == SearchKind::search && rev2_ && !command->extended)
        command->extended = command->all = true;
    if (command->modseq) condstore_ = true;
    search_ = std::move(*command);
    // What arrived in the meantime is found as well, and has its number first.
    ask<Refreshed>(Refresh{}, [this](Refreshed refreshed) {
        view_->apply(std::move(refreshed.changes));
        view_->announce(out_.text(), style(), !keep_numbers_);
        ask<Found>(search_->question, [this](Found answer) { found(std::move(answer)); });
    });
}

void ServerSession::found(Found found) {
    if (!found.verdict.ok) {
        if (search_->save) saved_ = UidSet();  // RFC 5182 section 2.1
        search_.reset();
        return complete(found.verdict, {});
    }
    if (search_->question.threading) {
        append_threads(found.threads);
    } else {
        const bool sorted = !search_->question.sort.empty();
        std::erase_if(found.uids, [this](Uid uid) { return !view_->find(uid); });
        if (search_->extended)
            append_extended(found.uids);
        else
            append_found(found.uids, sorted);
    }
    search_.reset();
    complete("OK That is what was found");
}

std::uint32_t ServerSession::number_of(Uid uid) const {
    return uid_ ? uid : static_cast<std::uint32_t>(*view_->find(uid) + 1);
}

void ServerSession::append_highest(const std::vector<Uid>& uids, std::string_view before,
                                   std::string_view behind) {
    if (!search_->modseq || uids.empty()) return;
    ModSeq highest = 0;
    for (const Uid uid : uids) highest = std::max(highest, (*view_)[*view_->find(uid)].modseq);
    out_.text() += before;
    append_number(out_.text(), highest);
    out_.text() += behind;
}

void ServerSession::append_found(const std::vector<Uid>& uids, bool sorted) {
    std::string& text = out_.text();
    text += sorted ? "* SORT" : "* SEARCH";
    for (const Uid uid : uids) {
        text += ' ';
        append_number(text, number_of(uid));
    }
    append_highest(uids, " (MODSEQ ", ")");
    text += "\r\n";
}

// "*" SP "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
void ServerSession::append_extended(const std::vector<Uid>& uids) {
    std::string& text = out_.text();
    const SearchCommand& command = *search_;
    UidSet all, told;
    for (const Uid uid : uids) {
        all.add(uid);
        if (command.all) told.add(number_of(uid));
    }
    // With MIN or MAX alone only those are kept (RFC 5182 section 2.4) and have their modseq told
    // (RFC 4731 section 3.2).
    std::vector<Uid> ends;
    const bool only_ends = (command.min || command.max) && !command.all && !command.count;
    if (only_ends && command.min && !all.empty()) ends.push_back(all.first());
    if (only_ends && command.max && !all.empty()) ends.push_back(all.last());
    if (command.save) {
        saved_ = only_ends ? UidSet() : all;
        for (const Uid uid : ends) saved_.add(uid);
        if (!command.min && !command.max && !command.all && !command.count) return;
    }
    text += "* ESEARCH (TAG ";
    append_string(text, tag_);
    text += uid_ ? ") UID" : ")";
    const auto add = [&text](std::string_view name, std::uint64_t number) {
        text += name;
        append_number(text, number);
    };
    if (command.min && !all.empty()) add(" MIN ", number_of(all.first()));
    if (command.max && !all.empty()) add(" MAX ", number_of(all.last()));
    if (command.count) add(" COUNT ", uids.size());
    if (command.all && !told.empty()) {
        text += " ALL ";
        told.append_to(text);
    }
    append_highest(only_ends ? ends : uids, " MODSEQ ", "");
    text += "\r\n";
}

// thread-data: "(2)(3 6 (4 23)(44 7 96))". A message with one child is followed by it; several
// children stand in parentheses each.
void ServerSession::append_threads(const std::vector<ThreadLine>& lines) {
    std::string& text = out_.text();
    text += "* THREAD";
    if (!lines.empty()) text += ' ';
    struct Open {
        std::uint32_t depth;  // of the message that this parenthesis begins with
    };
    std::vector<Open> open;
    // How many children each line has.
    std::vector<std::size_t> children(lines.size()), parents;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        parents.resize(std::min<std::size_t>(parents.size(), lines[i].depth));
        if (!parents.empty()) ++children[parents.back()];
        parents.push_back(i);
    }
    parents.clear();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const ThreadLine& line = lines[i];
        parents.resize(std::min<std::size_t>(parents.size(), line.depth));
        while (!open.empty() && open.back().depth >= line.depth) {
            text += ')';
            open.pop_back();
        }
        const bool only = !parents.empty() && children[parents.back()] == 1;
        if (!only) {
            if (!text.empty() && text.back() != '(' && text.back() != ')' && text.back() != ' ')
                text += ' ';
            text += '(';
            open.push_back({line.depth});
        } else if (text.back() != '(') {
            text += ' ';
        }
        if (line.uid != 0 && view_->find(line.uid)) append_number(text, number_of(line.uid));
        parents.push_back(i);
    }
    text.append(open.size(), ')');
    text += "\r\n";
}

}  // namespace mailhandler::imap
