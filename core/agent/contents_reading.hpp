// One message while questions about it are answered: from the mailbox's cache what is there, from
// the message itself, read once, what is not; what was found out then is added to the cache.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/stored_message.hpp"
#include "store/mailbox.hpp"

namespace mailhandler::agent {

class ContentsReading {
  public:
    // `open`: the message, when it is open already.
    ContentsReading(store::Mailbox& mailbox, store::MailCache& cache, const store::MessageList& list,
                    const store::ListedMessage& listed, std::shared_ptr<StoredMessage> open = nullptr)
        : mailbox_(mailbox), cache_(cache), list_(list), listed_(listed),
          message_(std::move(open)) {}

    // Each fails as the disk does; ENOENT: the message has vanished.
    Result<std::int64_t> internal_date();  // seconds since 1970
    Result<std::uint64_t> size();          // octets on the wire
    Result<std::string> envelope();        // rendered, and so the next two
    Result<std::string> body_structure();
    Result<std::string> body();
    // The header fields that SORT, THREAD and most searches look at, as they stand; others are not
    // among them: summary_field().
    Result<std::string> summary();
    static bool summary_field(std::string_view name);

    // Opened at the first call.
    Result<StoredMessage*> message();
    // It, where it is too large to be read again for every question. Null: it is not.
    std::shared_ptr<StoredMessage> large() const;
    // Something was added to the cache, which wants to be flushed.
    bool cached() const { return cached_; }

  private:
    enum Kind : std::uint8_t { kind_envelope = 1, kind_structure, kind_body, kind_size, kind_summary };

    template <class Found>
    Result<std::string> remembered(Kind kind, Found find_out);
    Result<std::string> rendered(bool extended);

    store::Mailbox& mailbox_;
    store::MailCache& cache_;
    const store::MessageList& list_;
    const store::ListedMessage& listed_;
    std::shared_ptr<StoredMessage> message_;
    bool cached_ = false;
};

}  // namespace mailhandler::agent
