// The keywords of one mailbox: MAILDIR/dovecot-keywords, "<index> <name>" a line, where index 0 to 25
// stands for the letters a to z in the messages' names. Indexes are never given to another keyword.
// Written anew under Dotlock "dovecot-keywords.lock", Dovecot's own.
//
// Used under its mailbox's own mutex: not safe from several threads.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/message_flags.hpp"

namespace mailhandler::store {

class Keywords {
  public:
    // The name at each index; "" where the file has none. Never null.
    using Names = std::shared_ptr<const std::vector<std::string>>;

    Keywords(disk::Disk& disk, const Clock& clock, std::string maildir);

    // Reads the file when it changed. What cannot be understood in it is passed over.
    Result<> refresh();
    const Names& names() const { return names_; }

    // The bits of these keywords, compared without regard to case. Unknown ones are given an index,
    // durably, when `add`; else they are passed over. ENOSPC, permanent: there is none left.
    Result<Flags> flags(std::span<const std::string> keywords, bool add);

  private:
    Flags known(std::span<const std::string> keywords, std::vector<std::string>* missing) const;

    disk::Disk& disk_;
    const Clock& clock_;
    const std::string path_;
    bool there_ = false;
    disk::Status status_;
    Names names_;
};

}  // namespace mailhandler::store
