#include "agent/outgoing.hpp"

#include <utility>

#include "store/spool.hpp"

namespace mailhandler::agent {

Outgoing into(store::Spool& spool, const mail::Srs& srs, Bounces& bounces,
              std::function<void(const std::string& id)> queued) {
    return {
        [&spool](store::Queued& envelope, auto parts, disk::File* spilled, std::string_view after) {
            return spool.prepare(envelope, parts, spilled, after);
        },
        std::move(queued),
        [&spool](store::Queued& envelope, const std::string& stage_domain,
                 store::CopyContent content) {
            return spool.staged(envelope, stage_domain, std::move(content));
        },
        srs, &bounces};
}

}  // namespace mailhandler::agent
