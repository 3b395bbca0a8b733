// Folders, their state and their annotations, as an IMAP session asks for them.
#include <algorithm>
#include <cerrno>
#include <set>

#include "agent/imap_incoming.hpp"

namespace mailhandler::agent {

namespace {

// RFC 5464: the largest value, and how many there may be in one mailbox.
constexpr store::AnnotationLimits annotation_limits;

imap::SpecialUse use_of(store::SpecialUse use) { return static_cast<imap::SpecialUse>(use); }
store::SpecialUse use_of(imap::SpecialUse use) { return static_cast<store::SpecialUse>(use); }
static_assert(static_cast<int>(imap::SpecialUse::trash) ==
                  static_cast<int>(store::SpecialUse::trash) &&
              static_cast<int>(imap::SpecialUse::drafts) ==
                  static_cast<int>(store::SpecialUse::drafts));

}  // namespace

imap::Folders ImapAccess::take(const imap::ListFolders&) {
    imap::Folders answer;
    const auto there = folders_->list();
    const auto subscribed = there ? folders_->subscriptions()
                                  : Result<std::vector<std::string>>(tl::unexpected(there.error()));
    if (!subscribed) {
        answer.verdict = refused(subscribed.error());
        return answer;
    }
    std::set<std::string> wanted(subscribed->begin(), subscribed->end());
    for (const store::Folder& each : *there)
        answer.folders.push_back(
            {each.name, each.exists, wanted.erase(each.name) > 0, use_of(each.use)});
    for (const std::string& name : wanted)
        answer.folders.push_back({name, false, true, imap::SpecialUse::none});
    return answer;
}

imap::Verdict ImapAccess::take(const imap::Create& question) {
    const auto made = folders_->create(question.name, use_of(question.use));
    return made ? imap::Verdict() : refused(made.error());
}

imap::Verdict ImapAccess::take(const imap::Delete& question) {
    const auto removed = folders_->remove(question.name);
    return removed ? imap::Verdict() : refused(removed.error());
}

imap::Verdict ImapAccess::take(const imap::Rename& question) {
    const auto renamed = folders_->rename(question.from, question.to);
    return renamed ? imap::Verdict() : refused(renamed.error());
}

imap::Verdict ImapAccess::take(const imap::Subscribe& question) {
    const auto done = folders_->subscribe(question.name, question.subscribe);
    return done ? imap::Verdict() : refused(done.error());
}

imap::Statuses ImapAccess::take(const imap::GetStatus& question) {
    imap::Statuses answer;
    for (const std::string& name : question.names)
        answer.statuses.push_back(status_of(name, question));
    return answer;
}

imap::StatusOf ImapAccess::status_of(const std::string& name, const imap::GetStatus& question) {
    imap::StatusOf answer;
    const auto mailbox = folders_->open(name);
    const auto list =
        mailbox ? (*mailbox)->refresh()
                : Result<store::MessageListPointer>(tl::unexpected(mailbox.error()));
    if (!list) {
        answer.verdict = refused(list.error());
        return answer;
    }
    const store::MessageList& now = **list;
    answer.messages = static_cast<std::uint32_t>(now.messages.size());
    answer.uid_next = now.uid_next;
    answer.uid_validity = now.uid_validity;
    answer.highest_modseq = now.highest_modseq;
    for (const store::ListedMessage& each : now.messages) {
        answer.unseen += (each.flags & store::flag_seen) == 0;
        const bool deleted = (each.flags & store::flag_deleted) != 0;
        answer.deleted += deleted;
        answer.recent += each.uid >= now.first_recent;
        if (!question.size && !(question.deleted_size && deleted)) continue;
        auto size = now.wire_size(each);
        if (!size) {
            const auto status = (*mailbox)->status(now, each);
            size = status ? status->size : 0;
        }
        answer.size += *size;
        if (deleted) answer.deleted_size += *size;
    }
    return answer;
}

// --- annotations -------------------------------------------------------------------------

// ENOENT: there is no such mailbox.
Result<store::Annotations> ImapAccess::annotations(const std::string& mailbox) {
    const auto there = folders_->open(mailbox.empty() ? "INBOX" : mailbox);
    if (!there) return tl::unexpected(there.error());
    const std::string file = mailbox.empty() ? maildir_ + "/mailhandler-server-annotations"
                                             : store::annotations_file((*there)->maildir());
    return store::Annotations(room_.disk, room_.clock, file, annotation_limits);
}

imap::Annotations ImapAccess::take(const imap::GetMetadata& question) {
    imap::Annotations answer;
    const auto file = annotations(question.mailbox);
    const auto values =
        file ? file->all() : Result<store::Annotations::Values>(tl::unexpected(file.error()));
    if (!values) {
        answer.verdict = refused(values.error());
        return answer;
    }
    for (const auto& [entry, value] : *values) answer.annotations.push_back({entry, value});
    return answer;
}

imap::Verdict ImapAccess::take(const imap::SetMetadata& question) {
    auto file = annotations(question.mailbox);
    if (!file) return refused(file.error());
    std::vector<std::pair<std::string, std::optional<std::string>>> changes;
    for (const imap::Annotation& each : question.annotations)
        changes.emplace_back(each.entry, each.value);
    const auto set = file->set(changes);
    if (set && !question.mailbox.empty()) {
        const auto mailbox = folders_->open(question.mailbox);
        const auto told = mailbox ? (*mailbox)->annotated() : Result<>();
        if (!told) room_.log.warning(told.error().text());
    }
    if (set) return {};
    if (set.error().error == EMSGSIZE)
        return {false, imap::Code::metadata_maxsize, {}, annotation_limits.value};
    if (set.error().error == ENOSPC && set.error().temporary == false)
        return imap::no(imap::Code::metadata_toomany);
    return refused(set.error());
}

}  // namespace mailhandler::agent
