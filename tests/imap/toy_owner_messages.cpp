// Questions about the messages of the selected mailbox: FETCH, STORE, EXPUNGE, COPY, MOVE,
// and APPEND in pieces.
#include "toy_owner.hpp"

#include <algorithm>

#include "support/memory_body.hpp"

namespace mailhandler::test {

namespace {

using namespace imap;

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
    const std::string question = "Content " + std::to_string(uid);
    const auto answers = dialog_.answers_to(question);
    content.gone = mail == mailbox.mails.end() || (!answers.empty() && answers.front() == "gone");
    content.verdict = verdict(question);
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
