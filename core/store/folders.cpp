#include "store/folders.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "mail/modified_utf7.hpp"
#include "store/annotations.hpp"
#include "store/subscriptions.hpp"

namespace mailhandler::store {

namespace {

constexpr std::string_view removed =
    "..mailhandler-removed.";  // no name of a folder: an empty level

bool is_inbox(std::string_view name) {
    constexpr std::string_view inbox = "INBOX";
    return std::equal(name.begin(), name.end(), inbox.begin(), inbox.end(), [](char a, char b) {
        return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
    });
}

bool is_control(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < 0x20 || octet == 0x7f;
}

// As a name below INBOX.
bool is_name(std::string_view name) {
    return !name.empty() && name.front() != '~' && name.front() != '.' && name.back() != '.' &&
           name.find("..") == name.npos && name.find('/') == name.npos &&
           std::none_of(name.begin(), name.end(), is_control) && mail::well_formed_utf8(name);
}

bool is_below(std::string_view name, std::string_view above) {
    return name.size() > above.size() && name.starts_with(above) && name[above.size()] == '.';
}

struct Use {
    SpecialUse use;
    std::string_view attribute;  // as in the annotation (RFC 6154 section 3)
    std::string_view name;       // of a folder that has it without being told; "": none
};
constexpr Use uses[] = {{SpecialUse::all, "\\All", ""},
                        {SpecialUse::archive, "\\Archive", "Archive"},
                        {SpecialUse::drafts, "\\Drafts", "Drafts"},
                        {SpecialUse::flagged, "\\Flagged", ""},
                        {SpecialUse::junk, "\\Junk", "Junk"},
                        {SpecialUse::sent, "\\Sent", "Sent"},
                        {SpecialUse::trash, "\\Trash", "Trash"}};
constexpr const char* use_entry = "/private/specialuse";

}  // namespace

std::string annotations_file(const std::string& maildir) {
    return maildir + "/mailhandler-annotations";
}

Folders::Folders(Mailboxes& mailboxes, std::string account)
    : mailboxes_(mailboxes), disk_(mailboxes.means().disk), account_(std::move(account)) {}

Result<std::string> Folders::directory(std::string_view name) const {
    if (is_inbox(name)) return account_;
    if (!is_name(name)) return fail_errno(std::string(name), "is no name for a folder", EINVAL);
    const std::string entry = "." + mail::to_modified_utf7(name);
    if (entry.size() > 255) return fail_errno(std::string(name), "is too long", EINVAL);
    return account_ + '/' + entry;
}

Result<> Folders::make_inbox() {
    if (disk::exists(disk_, account_ + "/tmp")) return {};
    return make_maildir(disk_, account_);
}

// A directory with cur/ in it; a link is none.
bool Folders::is_folder(const std::string& directory) const {
    const auto above = disk_.status(directory);
    if (!above || above->kind != disk::Kind::directory) return false;
    const auto status = disk_.status(directory + "/cur");
    return status && status->kind == disk::Kind::directory;
}

Result<std::shared_ptr<Mailbox>> Folders::open(std::string_view name) {
    const auto path = directory(name);
    if (!path) return tl::unexpected(path.error());
    if (*path == account_) {
        if (auto made = make_inbox(); !made) return tl::unexpected(made.error());
    } else if (!is_folder(*path)) {
        return fail_errno(*path, "is no folder", ENOENT);
    }
    return mailboxes_.at(*path, account_);
}

Result<std::vector<std::string>> Folders::names() const {
    const auto entries = disk_.list(account_);
    std::vector<std::string> names;
    if (!entries && entries.error().error == ENOENT) return names;
    if (!entries) return tl::unexpected(entries.error());
    for (const disk::Entry& entry : *entries) {
        if (entry.kind != disk::Kind::directory || entry.name.size() < 2 || entry.name[0] != '.')
            continue;
        auto name = mail::from_modified_utf7(std::string_view(entry.name).substr(1));
        // A directory .INBOX is no mailbox: INBOX is the account's own.
        if (name && is_name(*name) && !is_inbox(*name) && is_folder(account_ + '/' + entry.name))
            names.push_back(std::move(*name));
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string Folders::use_of(const std::string& directory) const {
    const Annotations annotations(disk_, mailboxes_.means().clock, annotations_file(directory));
    const auto values = annotations.all();
    if (!values) return {};
    const auto found = values->find(use_entry);
    return found == values->end() ? std::string() : found->second;
}

Result<std::vector<Folder>> Folders::list() {
    const auto there = names();
    if (!there) return tl::unexpected(there.error());
    std::vector<Folder> folders = {{"INBOX", true, SpecialUse::none}};
    std::set<std::string> levels(there->begin(), there->end());
    for (const std::string& name : *there)
        for (auto dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1))
            if (!is_inbox(name.substr(0, dot))) levels.insert(name.substr(0, dot));
    std::set<SpecialUse> taken;
    for (const std::string& name : levels) {
        const bool exists = std::binary_search(there->begin(), there->end(), name);
        folders.push_back({name, exists, SpecialUse::none});
        if (!exists) continue;
        const std::string told = use_of(*directory(name));
        for (const Use& use : uses)
            if (told == use.attribute && taken.insert(use.use).second) folders.back().use = use.use;
    }
    for (Folder& folder : folders)
        for (const Use& use : uses)
            if (folder.exists && folder.use == SpecialUse::none && !use.name.empty() &&
                folder.name == use.name && taken.insert(use.use).second)
                folder.use = use.use;
    return folders;
}

Result<> Folders::create(std::string_view name, SpecialUse use) {
    const auto path = directory(name);
    if (!path) return tl::unexpected(path.error());
    if (*path == account_ || disk::exists(disk_, *path + "/tmp"))
        return fail_errno(*path, "is there already", EEXIST);
    if (use != SpecialUse::none) {
        const auto folders = list();
        if (!folders) return tl::unexpected(folders.error());
        for (const Folder& each : *folders)
            if (each.use == use)
                return fail_errno(*path, fmt::format("cannot have that use, {} has it", each.name),
                                  EADDRINUSE);
    }
    if (auto made = make_inbox(); !made) return made;
    if (auto made = disk_.make_directory(*path); !made) return made;
    // What Maildir++ marks a folder with, for who delivers into it.
    if (auto mark = disk_.create(*path + "/maildirfolder", 0600);
        !mark && mark.error().error != EEXIST)
        return tl::unexpected(mark.error());
    for (const Use& each : uses) {
        if (use == SpecialUse::none || each.use != use) continue;
        Annotations annotations(disk_, mailboxes_.means().clock, annotations_file(*path));
        auto set = annotations.set({{use_entry, std::string(each.attribute)}});
        if (!set) return set;
    }
    mailboxes_.forget(*path);
    return make_maildir(disk_, *path);  // tmp/ comes last: until then it is not there
}

Result<> Folders::remove(std::string_view name) {
    const auto path = directory(name);
    if (!path) return tl::unexpected(path.error());
    if (*path == account_) return fail_errno(*path, "is INBOX, which stays", EINVAL);
    if (!is_folder(*path)) return fail_errno(*path, "is no folder", ENOENT);
    const std::string aside =
        account_ + '/' + std::string(removed) + mailboxes_.means().names.next();
    if (auto moved = disk_.rename_new(*path, aside); !moved) return moved;
    mailboxes_.forget(*path);
    if (auto synced = disk_.sync_directory(account_); !synced) return synced;
    // What is left of this one, and of others whose remover was killed.
    const auto entries = disk_.list(account_);
    if (!entries) return {};
    for (const disk::Entry& entry : *entries) {
        if (!entry.name.starts_with(removed)) continue;
        if (auto gone = disk::remove_tree(disk_, account_ + '/' + entry.name); !gone)
            mailboxes_.means().log.warning(gone.error().text());
    }
    return {};
}

Result<> Folders::rename(std::string_view from, std::string_view to) {
    const auto old_path = directory(from), new_path = directory(to);
    if (!old_path) return tl::unexpected(old_path.error());
    if (!new_path) return tl::unexpected(new_path.error());
    if (*new_path == account_ || disk::exists(disk_, *new_path))
        return fail_errno(*new_path, "is there already", EEXIST);
    if (*old_path == account_) return rename_inbox(to);
    if (is_below(to, from)) return fail_errno(*new_path, "lies below the old name", EINVAL);
    const auto there = names();
    if (!there) return tl::unexpected(there.error());
    struct Step {
        std::string from, to;
    };
    std::vector<Step> steps;
    for (const std::string& name : *there) {
        if (name != from && !is_below(name, from)) continue;
        const auto target = directory(std::string(to) + name.substr(from.size()));
        if (!target) return tl::unexpected(target.error());
        if (disk::exists(disk_, *target)) return fail_errno(*target, "is there already", EEXIST);
        steps.push_back({*directory(name), *target});
    }
    if (steps.empty()) return fail_errno(*old_path, "is no folder", ENOENT);
    for (std::size_t done = 0; done < steps.size(); ++done) {
        const auto moved = disk_.rename_new(steps[done].from, steps[done].to);
        if (moved) continue;
        while (done-- > 0) (void)disk_.rename_new(steps[done].to, steps[done].from);
        return moved;
    }
    for (const Step& step : steps) {
        mailboxes_.forget(step.from);
        mailboxes_.forget(step.to);
    }
    return disk_.sync_directory(account_);
}

// RFC 3501 section 6.3.5: the messages move, INBOX stays.
Result<> Folders::rename_inbox(std::string_view to) {
    const auto inbox = open("INBOX");
    if (!inbox) return tl::unexpected(inbox.error());
    if (auto made = create(to); !made) return made;
    const auto target = open(to);
    if (!target) return tl::unexpected(target.error());
    const auto list = (*inbox)->refresh(Look::thorough);
    if (!list) return tl::unexpected(list.error());
    std::vector<Uid> uids;
    for (const ListedMessage& each : (*list)->messages) uids.push_back(each.uid);
    const auto moved = Mailbox::copy(**inbox, uids, **target, true);
    if (!moved) return tl::unexpected(moved.error());
    return {};
}

Result<std::vector<std::string>> Folders::subscriptions() {
    return Subscriptions(disk_, mailboxes_.means().clock, account_).names();
}

Result<> Folders::subscribe(std::string_view name, bool subscribe) {
    if (auto path = directory(name); !path && subscribe) return tl::unexpected(path.error());
    if (auto made = make_inbox(); !made) return made;
    return Subscriptions(disk_, mailboxes_.means().clock, account_).set(name, subscribe);
}

}  // namespace mailhandler::store
