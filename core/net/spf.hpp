// May this host send mail in that domain's name? Sender Policy Framework, RFC 7208, by libspf2.
//
// libspf2 wants its DNS answers at once and would block a thread for each. So it is asked with what
// is known: where an answer is missing, that is looked up without blocking anybody, and it is asked
// again. Nothing it says refuses a message by itself; who asks decides that.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "net/loop.hpp"

namespace mailhandler::net {

// Who sends, as SMTP told it.
struct SpfSubject {
    std::string ip;      // "192.0.2.1", "2001:db8::1"
    std::string helo;    // as the client gave it
    std::string sender;  // "local@domain" with the domain in A-labels; empty: the null sender
};

// Network thread only. Checks that are still under way when it goes end with the Loop.
class SpfChecker {
  public:
    // RFC 7208 section 4.6.4 asks for at least 20 seconds for all lookups of a check.
    static constexpr std::chrono::seconds patience{20};
    // A check costs sockets: with so many under way the next one is a temperror at once.
    static constexpr std::size_t most_at_once = 500;
    // Lookups of one check. libspf2 counts mechanisms; an MX among them may stand for ten addresses.
    static constexpr std::size_t most_lookups = 60;

    explicit SpfChecker(Loop& loop);
    ~SpfChecker();
    SpfChecker(const SpfChecker&) = delete;
    SpfChecker& operator=(const SpfChecker&) = delete;

    // The result's name: none, neutral, pass, fail, softfail, temperror, permerror (RFC 7208 section
    // 2.6). For the null sender it is the HELO name's (section 2.4). `server`: as in Resolver. A
    // loopback address is judged like any other.
    Task<std::string> check(std::string server, SpfSubject subject);

  private:
    class Policy;
    Loop& loop_;
    std::unique_ptr<Policy> policy_;
    std::shared_ptr<std::size_t> under_way_ = std::make_shared<std::size_t>(0);
};

}  // namespace mailhandler::net
