#include "toy_owner.hpp"

#include <algorithm>
#include <sstream>

namespace mailhandler::test {

namespace {

using namespace imap;

class MemoryBody final : public wire::Body {
  public:
    explicit MemoryBody(std::string text) : text_(std::move(text)) {}
    std::uint64_t size() const override { return text_.size(); }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        return text_.copy(into, size, offset);
    }

  private:
    std::string text_;
};

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

std::string text_of(const std::vector<Uid>& uids) {
    UidSet set;
    for (const Uid uid : uids) set.add(uid);
    return set.text();
}

std::string text_of(const NamedFlags& flags) {
    std::string text = std::to_string(flags.system);
    for (const auto& keyword : flags.keywords) text += "," + keyword;
    return text;
}

std::size_t header_end(const std::string& text) {
    const std::size_t at = text.find("\r\n\r\n");
    return at == text.npos ? text.size() : at + 4;
}

}  // namespace

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

Answer ToyOwner::take(ListFolders&) {
    Folders folders;
    folders.verdict = note("ListFolders");
    for (const auto& [name, mailbox] : mailboxes_)
        folders.folders.push_back({name, true, mailbox.subscribed, mailbox.use});
    if (dialog_.has("orphan")) {
        folders.folders.push_back({"alone.below", true, true, SpecialUse::none});
        folders.folders.push_back({"lost", false, true, SpecialUse::none});
    }
    return folders;
}

Answer ToyOwner::take(Create& question) {
    const Verdict verdict = note("Create " + question.name);
    if (verdict.ok) mailboxes_[question.name].use = question.use;
    return verdict;
}

Answer ToyOwner::take(Delete& question) {
    const Verdict verdict = note("Delete " + question.name);
    if (verdict.ok) mailboxes_.erase(question.name);
    return verdict;
}

Answer ToyOwner::take(Rename& question) {
    const Verdict verdict = note("Rename " + question.from + " " + question.to);
    if (verdict.ok) mailboxes_[question.to] = std::exchange(mailboxes_[question.from], Mailbox());
    return verdict;
}

Answer ToyOwner::take(Subscribe& question) {
    const Verdict verdict =
        note((question.subscribe ? "Subscribe " : "Unsubscribe ") + question.name);
    if (verdict.ok) mailboxes_[question.name].subscribed = question.subscribe;
    return verdict;
}

Answer ToyOwner::take(GetStatus& question) {
    Statuses statuses;
    std::string description = "GetStatus";
    for (const auto& name : question.names) description += " " + name;
    const Verdict verdict = note(description);
    for (const auto& name : question.names) {
        StatusOf status;
        status.verdict = mailboxes_.count(name) ? verdict : no(Code::nonexistent, "None such");
        const Mailbox& mailbox = mailboxes_[name];
        status.messages = static_cast<std::uint32_t>(mailbox.mails.size());
        for (const Mail& mail : mailbox.mails) {
            status.unseen += !(mail.message.flags & flag_seen);
            status.deleted += question.deleted && (mail.message.flags & flag_deleted);
            status.size += question.size ? mail.text.size() : 0;
        }
        status.uid_next = mailbox.uid_next;
        status.uid_validity = mailbox.uid_validity;
        status.highest_modseq = mailbox.modseq;
        statuses.statuses.push_back(status);
    }
    return statuses;
}

Answer ToyOwner::take(GetQuota&) {
    Quota quota;
    quota.verdict = note("GetQuota");
    quota.used = 5000;
    if (!dialog_.has("unlimited")) quota.limit = 1024 * 1024;
    return quota;
}

Answer ToyOwner::take(GetMetadata& question) {
    Annotations annotations;
    annotations.verdict = note("GetMetadata '" + question.mailbox + "'");
    for (const auto& [entry, value] : mailboxes_[question.mailbox].annotations)
        annotations.annotations.push_back({entry, value});
    if (question.mailbox.empty()) mailboxes_.erase("");
    return annotations;
}

Answer ToyOwner::take(SetMetadata& question) {
    const Verdict verdict = note("SetMetadata '" + question.mailbox + "'");
    for (const Annotation& annotation : question.annotations) {
        auto& annotations = mailboxes_["INBOX"].annotations;
        if (!verdict.ok) break;
        annotations.erase(annotation.entry);
        if (annotation.value) annotations[annotation.entry] = *annotation.value;
    }
    return verdict;
}

Answer ToyOwner::take(Select& question) {
    Selected selected;
    std::string description = (question.read_only ? "Examine " : "Select ") + question.name;
    if (question.resync)
        description += " " + std::to_string(question.resync->uid_validity) + " " +
                       std::to_string(question.resync->modseq) + " " +
                       question.resync->known.text();
    selected.verdict = note(description);
    selected_.clear();
    if (!mailboxes_.count(question.name)) selected.verdict = no(Code::nonexistent, "None such");
    if (!selected.verdict.ok) return selected;
    selected_ = question.name;
    read_only_ = question.read_only;
    Mailbox& mailbox = mailboxes_[selected_];
    mailbox.news = Changes();
    selected.uid_validity = mailbox.uid_validity;
    selected.uid_next = mailbox.uid_next;
    selected.highest_modseq = mailbox.modseq;
    selected.keywords = mailbox.keywords;
    if (dialog_.has("recent")) selected.first_recent = 30;
    for (const Mail& mail : mailbox.mails) selected.messages.push_back(mail.message);
    if (question.resync) selected.vanished.add(11, 12);
    return selected;
}

Answer ToyOwner::take(Refresh&) {
    Refreshed refreshed;
    refreshed.verdict = note("Refresh " + std::to_string(++refreshes_));
    if (!refreshed.verdict.ok) return refreshed;
    for (const auto& event : dialog_.answers_to(log_.back())) happen(event);
    refreshed.verdict = Verdict();
    refreshed.changes = changes();
    return refreshed;
}

Answer ToyOwner::take(VanishedSince& question) {
    Vanished vanished;
    vanished.verdict =
        note("VanishedSince " + std::to_string(question.modseq) + " " + question.uids.text());
    vanished.uids.add(13, 15);
    return vanished;
}

Answer ToyOwner::take(Unselect& question) {
    const Verdict verdict = note(question.expunge ? "Unselect expunge" : "Unselect");
    selected_.clear();
    return verdict;
}

Answer ToyOwner::take(Watch& question) { return note(question.on ? "Watch" : "Watch off"); }

Octets ToyOwner::section(const Mail& mail, const Section& section) const {
    Octets octets;
    std::uint64_t offset = 0, length = mail.text.size();
    const std::size_t body = header_end(mail.text);
    using What = Section::What;
    if (!section.part.empty() && section.part != std::vector<std::uint32_t>{1}) {
        octets.nil = true;
        return octets;
    }
    const bool header = section.what == What::header || section.what == What::mime ||
                        section.what == What::header_fields ||
                        section.what == What::header_fields_not;
    if (header) {
        length = body;
    } else if (section.what != What::all || !section.part.empty()) {
        offset = body;
        length -= body;
    }
    octets.length = length;
    if (section.what == What::binary_size) return octets;
    if (dialog_.has("bodies")) {
        octets.body = std::make_shared<MemoryBody>(mail.text);
        octets.offset = offset;
    } else {
        octets.octets = mail.text.substr(offset, length);
        octets.length = 0;
    }
    return octets;
}

Content ToyOwner::content(Uid uid, const FetchItems& items) {
    Content content;
    content.uid = uid;
    Mailbox& mailbox = selected();
    const auto mail = std::find_if(mailbox.mails.begin(), mailbox.mails.end(),
                                   [&](const Mail& one) { return one.message.uid == uid; });
    const auto answers = dialog_.answers_to("Content " + std::to_string(uid));
    content.gone = mail == mailbox.mails.end() || (!answers.empty() && answers.front() == "gone");
    if (!answers.empty()) content.verdict = parse_verdict(answers.front());
    if (content.gone || !content.verdict.ok) return content;
    content.envelope = "(NIL \"e" + std::to_string(uid) + "\")";
    content.body_structure = "(\"TEXT\" \"PLAIN\" NIL)";
    content.body = "(\"TEXT\" \"PLAIN\")";
    content.size = mail->text.size();
    content.internal_date = mail->date;
    for (const Section& one : items.sections) content.sections.push_back(section(*mail, one));
    if (items.mark_seen) set_flags(mailbox, *mail, mail->message.flags | flag_seen);
    return content;
}

Answer ToyOwner::take(Fetch& question) {
    note("Fetch " + text_of(question.uids));
    Fetched fetched;
    for (const Uid uid : question.uids) {
        fetched.contents.push_back(content(uid, question.items));
        if (dialog_.has("one")) break;
    }
    fetched.changes = changes();
    return fetched;
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

Answer ToyOwner::take(Store& question) {
    const char* how[] = {"+", "-", "="};
    std::string description = "Store " + question.uids.text() + " " +
                              how[static_cast<int>(question.how)] + text_of(question.flags);
    if (question.unchanged_since)
        description += " unchanged " + std::to_string(*question.unchanged_since);
    Stored stored;
    stored.verdict = note(description);
    Mailbox& mailbox = selected();
    if (stored.verdict.ok) {
        const Flags flags = flags_of(mailbox, question.flags);
        for (Mail& mail : mailbox.mails) {
            if (!question.uids.contains(mail.message.uid)) continue;
            if (question.unchanged_since && mail.message.modseq > *question.unchanged_since) {
                stored.modified.add(mail.message.uid);
                continue;
            }
            const Flags before = mail.message.flags;
            set_flags(mailbox, mail,
                      question.how == Store::How::add      ? before | flags
                      : question.how == Store::How::remove ? before & ~flags
                                                           : flags);
        }
    }
    stored.changes = changes();
    return stored;
}

Answer ToyOwner::take(Expunge& question) {
    Changed changed;
    changed.verdict = note("Expunge" + (question.uids ? " " + question.uids->text() : ""));
    UidSet gone;
    for (const Mail& mail : selected().mails) {
        const bool asked = !question.uids || question.uids->contains(mail.message.uid);
        if (asked && (mail.message.flags & flag_deleted)) gone.add(mail.message.uid);
    }
    if (changed.verdict.ok && !gone.empty()) vanish(selected(), gone);
    changed.changes = changes();
    return changed;
}

Answer ToyOwner::take(Copy& question) {
    Copied copied;
    copied.verdict = note((question.move ? "Move " : "Copy ") + question.uids.text() + " " +
                          question.destination);
    if (!mailboxes_.count(question.destination)) copied.verdict = no(Code::try_create, "None such");
    if (copied.verdict.ok) {
        Mailbox& to = mailboxes_[question.destination];
        const std::vector<Mail> mails = selected().mails;
        for (const Mail& mail : mails) {
            if (!question.uids.contains(mail.message.uid)) continue;
            copied.from.push_back(mail.message.uid);
            copied.to.push_back(add(to, mail.text, mail.message.flags, mail.date));
        }
        copied.uid_validity = to.uid_validity;
        if (question.move) vanish(selected(), question.uids);
    }
    copied.changes = changes();
    return copied;
}

Answer ToyOwner::take(AppendMessage& question) {
    std::string description = "AppendMessage " + question.mailbox + " " + text_of(question.flags) +
                              " " + std::to_string(question.size);
    if (question.internal_date) description += " " + std::to_string(*question.internal_date);
    Verdict verdict = note(description);
    appending_ = true;
    if (!mailboxes_.count(question.mailbox)) verdict = no(Code::try_create, "None such");
    append_to_ = question.mailbox;
    if (verdict.ok) appended_.push_back({{0, question.flags.system, 0}, "", 0});
    return verdict;
}

Answer ToyOwner::take(AppendOctets& question) {
    const Verdict verdict = note("AppendOctets " + question.octets + (question.last ? "|" : ""));
    appended_.back().text += question.octets;
    return verdict;
}

Answer ToyOwner::take(AppendCommit&) {
    Appended appended;
    appended.verdict = note("AppendCommit");
    appending_ = false;
    if (appended.verdict.ok) {
        Mailbox& mailbox = mailboxes_.at(append_to_);
        appended.uid_validity = mailbox.uid_validity;
        for (Mail& mail : appended_)
            appended.uids.push_back(add(mailbox, mail.text, mail.message.flags, 0));
    }
    appended_.clear();
    if (!selected_.empty()) appended.changes = changes();
    return appended;
}

Answer ToyOwner::take(AppendDiscard&) {
    appending_ = false;
    appended_.clear();
    return note("AppendDiscard");
}

}  // namespace mailhandler::test
