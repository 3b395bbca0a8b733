// Questions about mailboxes as a whole: their list, their state, which one is selected.
#include "toy_owner.hpp"

namespace mailhandler::test {

using namespace imap;

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
            if (question.deleted_size && (mail.message.flags & flag_deleted))
                status.deleted_size += mail.text.size();
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

}  // namespace mailhandler::test
