// The mailboxes themselves, what happens to them, and the verdicts that a dialog asks for.
#include "toy_owner.hpp"

#include <algorithm>
#include <sstream>

namespace mailhandler::test {

namespace {

using namespace imap;

std::pair<std::string, std::string> first_word(const std::string& text) {
    const std::size_t space = text.find(' ');
    return {text.substr(0, space), space == text.npos ? "" : text.substr(space + 1)};
}

// "NO ALREADYEXISTS some words" → a verdict.
Verdict parse_verdict(const std::string& text) {
    static const std::map<std::string, Code> codes = {
        {"ALREADYEXISTS", Code::already_exists},
        {"AUTHENTICATIONFAILED", Code::authentication_failed},
        {"BADCHARSET", Code::bad_charset},
        {"CANNOT", Code::cannot},
        {"CORRUPTION", Code::corruption},
        {"HASCHILDREN", Code::has_children},
        {"INUSE", Code::in_use},
        {"LIMIT", Code::limit},
        {"MAXSIZE", Code::metadata_maxsize},
        {"TOOMANY", Code::metadata_toomany},
        {"NOPRIVATE", Code::metadata_noprivate},
        {"NONEXISTENT", Code::nonexistent},
        {"NOPERM", Code::no_perm},
        {"OVERQUOTA", Code::over_quota},
        {"SERVERBUG", Code::server_bug},
        {"TOOBIG", Code::too_big},
        {"TRYCREATE", Code::try_create},
        {"UNAVAILABLE", Code::unavailable},
        {"UNKNOWNCTE", Code::unknown_cte},
        {"USEATTR", Code::use_attr}};
    const auto [no, rest] = first_word(text);
    const auto [word, words] = first_word(rest);
    Verdict verdict;
    verdict.ok = no != "NO";
    const auto code = codes.find(word);
    verdict.code = code == codes.end() ? Code::none : code->second;
    verdict.text = code == codes.end() ? rest : words;
    if (verdict.code == Code::metadata_maxsize) verdict.number = 1024;
    return verdict;
}

}  // namespace

ToyOwner::ToyOwner(Dialog dialog) : dialog_(std::move(dialog)) {
    Mailbox& inbox = mailboxes_["INBOX"];
    inbox.keywords = {"work", "$Forwarded"};
    if (const auto many = dialog_.number("many", 0)) {
        for (unsigned long long i = 0; i < many; ++i)
            add(inbox, "Subject: x\r\n\r\nbody\r\n", 0, 0);
    } else if (!dialog_.has("empty")) {
        const Flags flags[] = {flag_seen, 0, flag_flagged | keyword_flag(0)};
        const char* texts[] = {"From: anne@example.com\r\nSubject: one\r\n\r\nfirst\r\n",
                               "Subject: two\r\n\r\nsecond\r\n", "Subject: three\r\n\r\nthird\r\n"};
        for (Uid i = 0; i < 3; ++i) {
            inbox.uid_next = (i + 1) * 10;
            add(inbox, texts[i], flags[i], 837'571'465 + i);
        }
    }
    mailboxes_["Drafts"].use = SpecialUse::drafts;
    mailboxes_["Drafts"].subscribed = true;
    mailboxes_["work"];
    mailboxes_["work.done"].subscribed = true;
    mailboxes_["Entw\xc3\xbcrfe"];
    for (auto& [name, mailbox] : mailboxes_) mailbox.news = Changes();
}

Verdict ToyOwner::verdict(const std::string& description) const {
    const auto answers = dialog_.answers_to(description);
    return answers.empty() ? Verdict() : parse_verdict(answers.front());
}

Verdict ToyOwner::note(std::string description) {
    log_.push_back(std::move(description));
    return verdict(log_.back());
}

Uid ToyOwner::add(Mailbox& mailbox, std::string text, Flags flags, std::int64_t date) {
    const Message message{mailbox.uid_next++, flags, ++mailbox.modseq};
    mailbox.mails.push_back({message, std::move(text), date});
    mailbox.news.fresh.push_back(message);
    return message.uid;
}

void ToyOwner::set_flags(Mailbox& mailbox, Mail& mail, Flags flags) {
    if (mail.message.flags == flags) return;
    mail.message.flags = flags;
    mail.message.modseq = ++mailbox.modseq;
    std::erase_if(mailbox.news.changed,
                  [&](const Message& message) { return message.uid == mail.message.uid; });
    mailbox.news.changed.push_back(mail.message);
    std::sort(mailbox.news.changed.begin(), mailbox.news.changed.end(),
              [](const Message& a, const Message& b) { return a.uid < b.uid; });
}

void ToyOwner::vanish(Mailbox& mailbox, const UidSet& uids) {
    ++mailbox.modseq;
    std::erase_if(mailbox.mails, [&](const Mail& mail) {
        if (!uids.contains(mail.message.uid)) return false;
        mailbox.news.vanished.add(mail.message.uid);
        return true;
    });
}

Changes ToyOwner::changes() {
    Mailbox& mailbox = selected();
    mailbox.news.highest_modseq = mailbox.modseq;
    mailbox.news.uid_next = mailbox.uid_next;
    if (dialog_.has("recent") && !mailbox.news.fresh.empty())
        mailbox.news.first_recent = mailbox.news.fresh.front().uid;
    return std::exchange(mailbox.news, Changes());
}

Flags ToyOwner::flags_of(Mailbox& mailbox, const NamedFlags& named) {
    Flags flags = named.system;
    for (const std::string& keyword : named.keywords) {
        auto at = std::find(mailbox.keywords.begin(), mailbox.keywords.end(), keyword);
        if (at == mailbox.keywords.end()) {
            mailbox.keywords.push_back(keyword);
            mailbox.news.keywords = mailbox.keywords;
            at = mailbox.keywords.end() - 1;
        }
        flags |= keyword_flag(static_cast<std::size_t>(at - mailbox.keywords.begin()));
    }
    return flags;
}

void ToyOwner::happen(const std::string& event) {
    const auto [what, rest] = first_word(event);
    Mailbox& mailbox = selected();
    if (what == "arrive") add(mailbox, rest, 0, 0);
    if (what == "gone") mailbox.news.gone = true;
    if (what == "vanish") vanish(mailbox, UidSet::parse(rest, 0).value());
    if (what != "flags") return;
    std::istringstream words(rest);
    Uid uid = 0;
    NamedFlags flags;
    words >> uid;
    for (std::string word; words >> word;) {
        if (word == "\\Seen") flags.system |= flag_seen;
        if (word == "\\Deleted") flags.system |= flag_deleted;
        if (word[0] != '\\') flags.keywords.push_back(word);
    }
    const Flags bits = flags_of(mailbox, flags);
    for (Mail& mail : mailbox.mails)
        if (mail.message.uid == uid) set_flags(mailbox, mail, bits);
}

Answer ToyOwner::answer(Question&& question) {
    return std::visit([this](auto& what) { return take(what); }, question);
}

Answer ToyOwner::take(MayConnect&) { return note("MayConnect"); }

Answer ToyOwner::take(MayLogin& question) {
    return note("MayLogin " + question.login + " " + question.password);
}

}  // namespace mailhandler::test
