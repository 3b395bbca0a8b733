// The folders of an account: a maildir is INBOX, MAILDIR/.Sent.2024 the folder "Sent.2024" (Maildir++),
// in modified UTF-7 (RFC 3501 section 5.1.3) on disk and in UTF-8 here.
//
// The separator is ".", Dovecot's own for this layout: a Dovecot put over the tree shows the same names.
// Refused (EINVAL): "", empty levels, "/", "~" in front, NUL and control characters, what is not UTF-8,
// what would be longer than 255 octets on disk. Directories whose name no such name gives, those without
// cur/, and symbolic links, are not folders.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/mailboxes.hpp"

namespace mailhandler::store {

// RFC 6154 section 2, in its order.
enum class SpecialUse { none, all, archive, drafts, flagged, junk, sent, trash };

struct Folder {
    std::string name;     // UTF-8; "INBOX" is spelt so
    bool exists = true;  // false: only a level above one that exists
    SpecialUse use = SpecialUse::none;
};

class Folders {
  public:
    // `account`: its maildir, which is INBOX.
    Folders(Mailboxes& mailboxes, std::string account);

    // The directory of a folder, whether it exists or not. EINVAL as said above.
    Result<std::string> directory(std::string_view name) const;
    // The mailbox, which exists. ENOENT, EINVAL. INBOX is made when it is missing.
    Result<std::shared_ptr<Mailbox>> open(std::string_view name);

    // INBOX first, then by name; with the levels above that do not exist.
    Result<std::vector<Folder>> list();
    // Durable. EEXIST; EINVAL; EADDRINUSE: another folder has this use already. The use is the annotation
    // /private/specialuse (RFC 6154 section 3); without one, Archive, Drafts, Junk, Sent and Trash have
    // theirs by name.
    Result<> create(std::string_view name, SpecialUse use = SpecialUse::none);
    // With its messages. ENOENT; EINVAL for INBOX. Folders below it stay.
    Result<> remove(std::string_view name);
    // With all below it, one after the other: after a crash some have the new name. EEXIST, ENOENT, EINVAL.
    // From INBOX: its messages move into a new folder (RFC 3501 section 6.3.5).
    Result<> rename(std::string_view from, std::string_view to);

    // store/subscriptions. A name that is subscribed to need not exist.
    Result<std::vector<std::string>> subscriptions();
    Result<> subscribe(std::string_view name, bool subscribe);

  private:
    Result<> make_inbox();
    bool is_folder(const std::string& directory) const;
    Result<std::vector<std::string>> names() const;  // of those that exist, but INBOX
    std::string use_of(const std::string& directory) const;
    Result<> rename_inbox(std::string_view to);

    Mailboxes& mailboxes_;
    disk::Disk& disk_;
    const std::string account_;
};

// Where the annotations of a mailbox lie (store/annotations).
std::string annotations_file(const std::string& maildir);

}  // namespace mailhandler::store
