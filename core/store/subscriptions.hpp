// Which folders an account is subscribed to: ACCOUNT/subscriptions, as Dovecot keeps it. One name a line;
// behind a first line "V<TAB>2" and an empty one the levels are divided by TAB, with octets below that
// escaped. Read in both forms, written in the form that is there (a new file: the second), under Dovecot's
// lock file. Names are in modified UTF-7 in it, in UTF-8 here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "disk/interface.hpp"

namespace mailhandler::store {

class Subscriptions {
  public:
    Subscriptions(disk::Disk& disk, const Clock& clock, const std::string& account)
        : disk_(disk), clock_(clock), file_(account + "/subscriptions") {}

    // In the order of the file. A name that cannot be read is left out, and stays in the file.
    Result<std::vector<std::string>> names() const;
    // Durably; quietly where it is so already.
    Result<> set(std::string_view name, bool subscribed);

  private:
    disk::Disk& disk_;
    const Clock& clock_;
    const std::string file_;
};

}  // namespace mailhandler::store
