// The mailboxes that sessions have open, each once for the whole process, and some that were used
// lately: opening those again reads no directory that has not changed.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/mailbox.hpp"

namespace mailhandler::store {

class Mailboxes {
  public:
    // Mailboxes that nobody has open are kept until their lists hold more than `most` octets.
    // `cache_version`: of what MailCache holds.
    Mailboxes(MailboxMeans means, std::uint32_t cache_version = 1,
              std::size_t most = std::size_t(64) << 20);
    ~Mailboxes();

    // The mailbox in the directory `maildir`, a folder of `account` or the same. Reads nothing. Safe from
    // several threads.
    std::shared_ptr<Mailbox> at(const std::string& maildir, const std::string& account);
    // The directory was removed or renamed: who asks for it again gets a new object. Those who have
    // the old one hear ENOENT from it.
    void forget(const std::string& maildir);

    MailboxMeans& means() { return means_; }

  private:
    struct Kept {
        std::shared_ptr<Mailbox> mailbox;
        std::list<std::string>::iterator used;
    };
    void trim(std::vector<std::shared_ptr<Mailbox>>& dropped);

    MailboxMeans means_;
    const std::uint32_t cache_version_;
    const std::size_t most_;
    std::mutex mutex_;
    std::unordered_map<std::string, Kept> kept_;
    std::list<std::string> used_;  // lately used first
};

}  // namespace mailhandler::store
