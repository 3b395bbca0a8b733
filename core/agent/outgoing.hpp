// The way out, for whoever has mail that leaves again: the queue, the senders of what is passed on,
// and who is told of failures.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/bounce.hpp"
#include "mail/srs.hpp"
#include "store/delivery.hpp"
#include "store/ledger.hpp"

namespace mailhandler::agent {

// Outlives whoever uses it. All of it is safe from several threads.
struct Outgoing {
    // Spool::prepare(): one more delivery for a commit. Empty where nobody commits.
    std::function<Result<store::Delivery>(store::Queued&, std::span<const std::string_view> parts,
                                          disk::File* spilled, std::string_view after)>
        prepare;
    std::function<void(const std::string& id)> queued;  // it is there
    // Spool::staged(): a copy for the ledger; nothing where it is taken on in another way. Empty where
    // there is no ledger.
    std::function<Result<std::optional<store::Copy>>(
        store::Queued&, const std::string& stage_domain, store::CopyContent content)>
        stage;
    const mail::Srs& srs;
    Bounces* bounces;  // null: nobody is told
};

// The way into `spool`. All outlive what uses it.
Outgoing into(store::Spool& spool, const mail::Srs& srs, Bounces& bounces,
              std::function<void(const std::string& id)> queued);

}  // namespace mailhandler::agent
