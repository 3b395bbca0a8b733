// One directory of a mailbox, new/ or cur/, and how far what was listed of it still holds. Only for
// store/mailbox*.
//
// A directory whose modification time and inode are as they were is not listed, once that time is a
// tick of the file system's clock ago (before, something may have changed without a trace). Nor is
// one for our own changes: for a moment they are trusted to be the only ones.
#pragma once

#include <optional>
#include <string>

#include "store/mailbox.hpp"

namespace mailhandler::store {

class MailboxPart {
  public:
    MailboxPart(MailboxMeans& means, std::string path, bool in_new)
        : disk_(means.disk), clock_(means.clock), path_(std::move(path)), in_new_(in_new) {}

    const std::string& path() const { return path_; }
    bool in_new() const { return in_new_; }

    struct Listing {
        disk::Names names;
        bool untouched = false;  // nothing changed while it was listed
    };
    // Lists it; nothing where that need not be: what was seen last is what is there. `asked`: when
    // the caller wanted to know; what was listed since then saw all that had happened.
    Result<std::optional<Listing>> look(Look look, Instant asked);
    // What was listed says nothing any more.
    void forget() { known_ = false; }

    // Around changes of our own, so that they need not be listed: before, and then with that
    // answer.
    bool clean() const;
    void changed_by_us(bool was_clean);

  private:
    bool needed(const disk::Status& now, Look look, Instant asked) const;

    disk::Disk& disk_;
    const Clock& clock_;
    const std::string path_;
    const bool in_new_;

    Instant listed_{};    // when it was begun to be listed last
    bool known_ = false;  // listed, when it was …
    std::uint64_t inode_ = 0;
    WallTime modified_{};
    // … and nothing can have changed since without another modification time.
    bool settled_ = false;
    // What changed since then is our own doing, and, where two changes met, perhaps somebody
    // else's.
    bool own_ = false;
    Instant own_since_{}, own_last_{};
};

}  // namespace mailhandler::store
