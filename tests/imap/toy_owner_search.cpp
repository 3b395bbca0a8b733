// SEARCH, SORT and THREAD, and search keys as text.
#include "toy_owner.hpp"

#include <algorithm>
#include <sstream>

namespace mailhandler::test {

using namespace imap;

std::string shown(const SearchKey& key) {
    using Kind = SearchKey::Kind;
    std::string text = "(";
    const auto list = [&](const char* name) {
        text += name;
        for (const SearchKey& inner : key.keys) text += " " + shown(inner);
    };
    const auto days = [&](const char* name) {
        text += name;
        if (key.from_day > -1000000) text += " from " + std::to_string(key.from_day);
        if (key.before_day < 1000000000) text += " before " + std::to_string(key.before_day);
    };
    switch (key.kind) {
        case Kind::all: text += "everything"; break;
        case Kind::nothing: text += "nothing"; break;
        case Kind::all_of: list("all"); break;
        case Kind::any_of: list("any"); break;
        case Kind::not_of: list("not"); break;
        case Kind::uids: text += "uids " + key.uids.text(); break;
        case Kind::flags: text += "flags " + std::to_string(key.flags); break;
        case Kind::internal_date: days("internal"); break;
        case Kind::sent_date: days("sent"); break;
        case Kind::size:
            text += "size from " + std::to_string(key.from);
            if (key.before != UINT64_MAX) text += " before " + std::to_string(key.before);
            break;
        case Kind::modseq: text += "modseq " + std::to_string(key.from); break;
        case Kind::header: text += "header " + key.field + " '" + key.text + "'"; break;
        case Kind::body: text += "body '" + key.text + "'"; break;
        case Kind::text: text += "text '" + key.text + "'"; break;
    }
    return text + ")";
}

bool ToyOwner::found(const Mail& mail, const SearchKey& key) const {
    using Kind = SearchKey::Kind;
    const auto one = [&](const SearchKey& inner) { return found(mail, inner); };
    switch (key.kind) {
        case Kind::nothing: return false;
        case Kind::all_of: return std::all_of(key.keys.begin(), key.keys.end(), one);
        case Kind::any_of: return std::any_of(key.keys.begin(), key.keys.end(), one);
        case Kind::not_of: return !one(key.keys.at(0));
        case Kind::uids: return key.uids.contains(mail.message.uid);
        case Kind::flags: return (mail.message.flags & key.flags) == key.flags;
        case Kind::size: return mail.text.size() >= key.from && mail.text.size() < key.before;
        case Kind::modseq: return mail.message.modseq >= key.from;
        case Kind::header:
        case Kind::body:
        case Kind::text: return mail.text.find(key.text) != mail.text.npos;
        default: return true;
    }
}

Answer ToyOwner::take(Search& question) {
    std::string description = "Search " + question.charset;
    if (question.threading) description += " thread";
    for (const SortKey& key : question.sort)
        description += (key.reverse ? " -" : " +") + std::to_string(static_cast<int>(key.kind));
    if (question.needs_content) description += " content";
    Found found;
    found.verdict = note(description + " " + shown(question.program));
    for (const Mail& mail : selected().mails)
        if (this->found(mail, question.program)) found.uids.push_back(mail.message.uid);
    if (!question.sort.empty()) std::reverse(found.uids.begin(), found.uids.end());
    if (question.threading) {
        // uid:depth uid:depth …
        const auto answers = dialog_.answers_to("Threads");
        std::istringstream words(answers.empty() ? "" : answers.front());
        char colon = 0;
        for (ThreadLine line; words >> line.uid >> colon >> line.depth;)
            found.threads.push_back(line);
    }
    return found;
}

}  // namespace mailhandler::test
