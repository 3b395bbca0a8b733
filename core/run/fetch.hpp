// `mailhandler fetch`: collects from the remote accounts of a root, now or again and again.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/harvest.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "config/load.hpp"
#include "disk/interface.hpp"

namespace mailhandler::agent {
class HeaderSurvey;
}  // namespace mailhandler::agent

namespace mailhandler::run {

struct FetchOptions {
    std::string root;
    Log log;
    std::vector<std::string> names;  // of fetch/*.toml; empty: all of them
    bool watch = false;              // until SIGTERM
    bool dry_run = false;

    // For each message of a dry run; one call at a time, from any thread.
    std::function<void(const agent::Rehearsed&)> rehearsed;
    // After each run, on the network thread. `survey`: of a dry run, else null.
    std::function<void(const agent::Harvest&, const agent::HeaderSurvey* survey)> done;
    // Five times a second while something is under way, on the network thread.
    std::function<void(const std::vector<const agent::Progress*>&)> draw;
};

// Returns when every account was collected once, or when SIGTERM or SIGINT ended it: what is under way
// is then made durable first; a second signal ends it at once, and nothing is lost. Each account's
// own failure is in its Harvest. Errors: permanent for mailhandler.toml.
Result<> fetch(disk::Disk& disk, const Clock& clock, Random& random, const FetchOptions& options);

// Logs in to one account, lists and leaves: how many messages wait there. For `check --remote` and
// `add-fetch`, which has a `secret` of its own.
Result<std::size_t> look_at_remote(disk::Disk& disk, const Clock& clock, const std::string& root,
                                   const config::Fetch& fetch,
                                   std::optional<std::string> secret = {});

// The certificate that an account's server shows, trusted or not: nothing is told to it.
struct ShownCertificate {
    std::string pem, subject, fingerprint;  // SHA-256, "AB:CD:…"
    std::vector<std::string> names;
};
Result<ShownCertificate> certificate_of_remote(disk::Disk& disk, const Clock& clock,
                                               const std::string& root, const config::Fetch& fetch);

}  // namespace mailhandler::run
