// A running server: the network thread's loop, its pools, listeners and timers, and what is in force.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/configuration.hpp"
#include "agent/delivery.hpp"
#include "agent/allowance.hpp"
#include "agent/logins.hpp"
#include "agent/maildrops.hpp"
#include "agent/recorder.hpp"
#include "base/random.hpp"
#include "net/connections.hpp"
#include "net/drive.hpp"
#include "net/listen.hpp"
#include "net/pool.hpp"
#include "net/spf.hpp"
#include "net/tls.hpp"
#include "net/watch_directories.hpp"
#include "net/watch_files.hpp"
#include "run/collections.hpp"
#include "run/queue.hpp"
#include "store/journal.hpp"
#include "store/layout.hpp"
#include "store/mailboxes.hpp"
#include "store/spool.hpp"

namespace mailhandler::run {

class Host {
  public:
    // `configuration` has been started and gave `snapshot`; from here on it belongs to the thread
    // that looks at files.
    Host(disk::Disk& disk, const Clock& clock, const store::Layout& layout,
         agent::Configuration& configuration, const agent::Snapshot& snapshot, Log log);

    // Opens what [listen] asks for and begins to watch the configuration. Errors: a certificate
    // that cannot be loaded, an address that cannot be listened on.
    Result<> open();
    // "smtp 127.0.0.1:2525", one each.
    std::vector<std::string> listening() const;
    // Runs until the server has drained.
    void run();

    net::Loop& loop() { return loop_; }
    void signalled(int signal);

  private:
    void add_services();
    // What [listen] asks for, as "smtp 127.0.0.1:2525" → the service.
    std::map<std::string, net::Service*> wanted(const config::Server& server);
    Result<> open_tls(const config::Server& server);
    Result<> open_outgoing();
    Result<> open_listener(const std::string& key, net::Service& service);
    void apply(const agent::Snapshot& snapshot);
    void adopt_listeners();

    void look(std::vector<std::string> names);  // at these files, or at all
    void look_later();
    void flush_later();
    void keep_house_later(std::chrono::minutes pause);
    void drain(bool now);

    disk::Disk& disk_;
    const Clock& clock_;
    const store::Layout& layout_;
    agent::Configuration& configuration_;
    const Log log_;
    net::Connections connections_;
    net::Loop loop_;
    net::SpfChecker spf_;

    store::Store store_;
    store::UniqueNames names_;
    store::Quotas quotas_;
    store::Journal journal_;
    store::Spool spool_;
    agent::Recorder recorder_;
    agent::Bounces bounces_;
    std::optional<mail::Srs> srs_;  // these two from open() on
    std::optional<agent::Outgoing> outgoing_;
    agent::Mailroom room_;
    agent::Logins logins_;
    agent::Maildrops maildrops_;  // that POP3 sessions saw
    agent::Allowance allowance_;
    SystemRandom random_;
    store::Mailboxes mailboxes_;  // that IMAP sessions share
    std::unique_ptr<net::TlsServer> tls_;

    net::Pool disk_pool_, password_pool_, configuration_pool_;
    net::Means means_;
    Collections collections_;
    Queue queue_;
    std::unique_ptr<net::WatchDirectories> mailbox_watch_;  // wakes those who idle
    std::vector<std::unique_ptr<net::Service>> services_;
    std::map<std::string, net::Service*> by_name_;
    std::map<std::string, std::unique_ptr<net::Listener>> listeners_;
    std::unique_ptr<net::WatchFiles> watch_;
    boost::asio::steady_timer looking_, flushing_, draining_, keeping_;
    bool listeners_missing_ = false;  // one that is asked for could not be opened
    bool drained_ = false;
};

}  // namespace mailhandler::run
