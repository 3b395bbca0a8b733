#include "run/host.hpp"

#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <unistd.h>

#include "run/housekeeping.hpp"
#include "run/imap.hpp"
#include "run/pop3.hpp"
#include "run/smtp.hpp"
#include "store/leftovers.hpp"
#include "store/node.hpp"

namespace mailhandler::run {

namespace {

// fsync is waiting, not work: the kernel groups the commits of many threads (measured: 32 threads
// carry three times what one does).
constexpr std::size_t disk_threads = 32;
// crypt(3) is work: more threads than cores only make every login slower.
constexpr std::size_t password_threads = 2;
// For file systems that tell nothing to inotify.
constexpr auto look_every = std::chrono::seconds(60);
constexpr auto flush_every = std::chrono::milliseconds(250);
constexpr auto drain_for = std::chrono::seconds(30);

// "smtp 127.0.0.1:25", "smtp [::1]:25".
std::string listener_key(std::string_view name, const std::string& address, unsigned port) {
    if (address.find(':') != std::string::npos)
        return fmt::format("{} [{}]:{}", name, address, port);
    return fmt::format("{} {}:{}", name, address, port);
}

}  // namespace

Host::Host(disk::Disk& disk, const Clock& clock, const store::Layout& layout,
           agent::Configuration& configuration, const agent::Snapshot& snapshot, Log log)
    : disk_(disk),
      clock_(clock),
      layout_(layout),
      configuration_(configuration),
      log_(std::move(log)),
      connections_(snapshot.server->limits.connections),
      spf_(loop_),
      store_(disk),
      names_(clock, store::node_id(snapshot.server->node), static_cast<unsigned>(getpid())),
      quotas_(disk, clock),
      journal_(disk, layout, store::node_id(snapshot.server->node), clock),
      spool_(disk, layout, clock, snapshot.server->node, &store_),
      recorder_(journal_, clock, log_),
      bounces_(names_, clock, disk, layout),
      room_{disk, layout, store_, names_, quotas_, clock, recorder_, log_, snapshot},
      logins_(clock),
      maildrops_(disk, clock),
      mailboxes_({disk, store_, names_, clock, random_, log_}, agent::ImapContents::cache_version),
      disk_pool_("disk", disk_threads),
      password_pool_("password", password_threads),
      configuration_pool_("configuration", 1),
      means_{loop_, clock, disk_pool_, password_pool_, log_},
      collections_(loop_, room_),
      queue_(loop_, room_, disk_pool_, spool_, bounces_),
      looking_(loop_.context()),
      flushing_(loop_.context()),
      draining_(loop_.context()),
      keeping_(loop_.context()) {}

Result<> Host::open() {
    const config::Server& server = *room_.snapshot.server;
    if (auto opened = open_tls(server); !opened) return opened;
    if (auto opened = open_outgoing(); !opened) return opened;
    auto mailbox_watch = net::WatchDirectories::open(loop_, log_);
    if (!mailbox_watch) return tl::unexpected(mailbox_watch.error());
    mailbox_watch_ = std::move(*mailbox_watch);
    add_services();
    for (const auto& [key, service] : wanted(server))
        if (auto opened = open_listener(key, *service); !opened) return opened;

    auto watch =
        net::WatchFiles::open(loop_, {layout_.root(), layout_.domains_dir(), layout_.fetch_dir()},
                              [this](const std::vector<std::string>& paths) { look(paths); });
    if (!watch) return tl::unexpected(watch.error());
    watch_ = std::move(*watch);
    disk_pool_.post([this] {
        const std::size_t removed = store::remove_leftovers(disk_, layout_, clock_.wall(), log_);
        if (removed != 0) log_.info(fmt::format("removed {} files that crashes left", removed));
    });
    if (auto opened = queue_.open(); !opened) return opened;
    if (auto accounts = collections_.look()) collections_.apply(std::move(*accounts));
    look_later();
    flush_later();
    keep_house_later(first_housekeeping);
    watch::Event started;
    started.what = watch::What::started;
    recorder_.record(std::move(started));
    return {};
}

// What receptions pass on goes into the queue.
Result<> Host::open_outgoing() {
    SystemRandom random;
    auto srs = agent::load_srs(disk_, layout_, random);
    if (!srs) return tl::unexpected(srs.error());
    srs_.emplace(std::move(*srs));
    outgoing_.emplace(
        agent::into(spool_, *srs_, bounces_, [this](const std::string& id) { queue_.queued(id); }));
    room_.outgoing = &*outgoing_;
    return {};
}

void Host::add_services() {
    auto add = [this](std::unique_ptr<net::Service> service) {
        by_name_[service->name()] = service.get();
        services_.push_back(std::move(service));
    };
    using smtp::Service;
    const SmtpShared shared{spf_, logins_, allowance_};
    add(std::make_unique<SmtpService>("smtp", Service::mx, false, room_, shared, means_));
    add(std::make_unique<SmtpService>("lmtp", Service::lmtp, false, room_, shared, means_));
    add(std::make_unique<SmtpService>("submission", Service::submission, false, room_, shared,
                                      means_));
    add(std::make_unique<SmtpService>("submissions", Service::submission, true, room_, shared,
                                      means_));
    for (const bool implicit_tls : {false, true}) {
        add(std::make_unique<Pop3Service>(implicit_tls, room_, logins_, maildrops_, random_,
                                          means_));
        add(std::make_unique<ImapService>(implicit_tls, room_, mailboxes_, logins_, *mailbox_watch_,
                                          means_));
    }
}

std::vector<std::string> Host::listening() const {
    std::vector<std::string> lines;
    for (const auto& [key, listener] : listeners_) {
        const auto endpoint = listener->endpoint();
        lines.push_back(listener_key(key.substr(0, key.find(' ')), endpoint.address().to_string(),
                                     endpoint.port()));
    }
    return lines;
}

void Host::run() {
    loop_.run();
    // Work that is under way runs to its end before anything it uses is gone.
    disk_pool_.stop();
    password_pool_.stop();
    configuration_pool_.stop();
    collections_.stop();
    queue_.stop();
    watch::Event stopped;
    stopped.what = watch::What::stopped;
    recorder_.record(std::move(stopped));
    recorder_.flush();
}

void Host::signalled(int signal) {
    if (signal == SIGHUP) {
        look({});
        return;
    }
    log_.info(drained_ ? "stopping now" : "stopping: transactions under way are finished first");
    drain(drained_);
}

Result<> Host::open_tls(const config::Server& server) {
    if (server.tls.certificate.empty()) return {};
    auto tls = net::TlsServer::load(
        {layout_.from_root(server.tls.certificate), layout_.from_root(server.tls.key)}, clock_,
        log_);
    if (!tls) return tl::unexpected(tls.error());
    // Handshakes under way hold what they need; the role itself is asked on this thread only.
    tls_ = std::move(*tls);
    means_.tls = tls_.get();
    return {};
}

std::map<std::string, net::Service*> Host::wanted(const config::Server& server) {
    std::map<std::string, net::Service*> wanted;
    auto add = [&](const char* name, const std::vector<config::Endpoint>& endpoints) {
        for (const config::Endpoint& endpoint : endpoints) {
            const auto service = by_name_.find(name);
            if (service == by_name_.end()) {
                log_.warning(fmt::format("mailhandler.toml:{}: {} is not served by this version",
                                         endpoint.line, name));
                continue;
            }
            wanted.emplace(listener_key(name, endpoint.address, endpoint.port), service->second);
        }
    };
    const auto& listen = server.listen;
    add("smtp", listen.smtp);
    add("submission", listen.submission);
    add("submissions", listen.submissions);
    add("lmtp", listen.lmtp);
    add("pop3", listen.pop3);
    add("pop3s", listen.pop3s);
    add("imap", listen.imap);
    add("imaps", listen.imaps);
    add("metrics", listen.metrics);
    return wanted;
}

Result<> Host::open_listener(const std::string& key, net::Service& service) {
    auto listener =
        net::Listener::open(loop_, key.substr(key.find(' ') + 1), service, connections_, log_);
    if (!listener) return tl::unexpected(listener.error());
    listeners_[key] = std::move(*listener);
    return {};
}

void Host::apply(const agent::Snapshot& snapshot) {
    const auto before = room_.snapshot.server;
    room_.snapshot = snapshot;
    collections_.apply();
    if (before->outbound != snapshot.server->outbound) queue_.apply();
    if (before == snapshot.server) return;
    if (before->state != snapshot.server->state || before->node != snapshot.server->node)
        log_.warning("mailhandler.toml: [paths] takes effect when serve is started again");
    if (before->tls.certificate != snapshot.server->tls.certificate ||
        before->tls.key != snapshot.server->tls.key) {
        if (const auto opened = open_tls(*snapshot.server); !opened)
            log_.error(opened.error().text() + "; the certificate before stays in use");
    }
    adopt_listeners();
}

// Closes listeners that are no longer asked for and opens those that now are. Connections live on.
void Host::adopt_listeners() {
    const auto asked = wanted(*room_.snapshot.server);
    std::erase_if(listeners_, [&](const auto& entry) {
        if (asked.contains(entry.first)) return false;
        log_.info(fmt::format("no longer listening: {}", entry.first));
        return true;
    });
    listeners_missing_ = false;
    for (const auto& [key, service] : asked) {
        if (listeners_.contains(key)) continue;
        if (const auto opened = open_listener(key, *service); !opened) {
            log_.error(opened.error().text());
            listeners_missing_ = true;
        } else {
            log_.info(fmt::format("listening: {}", key));
        }
    }
}

void Host::look(std::vector<std::string> paths) {
    std::vector<std::string> names;
    bool everything = paths.empty();
    for (const std::string& path : paths) {
        if (path == layout_.root() || path == layout_.domains_dir() || path == layout_.fetch_dir())
            everything = true;  // inotify lost count
        else if (path.starts_with(layout_.root() + "/"))
            names.push_back(path.substr(layout_.root().size() + 1));
    }
    if (everything) names.clear();
    if (!everything && names.empty()) return;
    configuration_pool_.post([this, names = std::move(names)] {
        auto snapshot = configuration_.refresh(names);
        auto accounts = collections_.look();
        const auto next = configuration_.next_look();
        loop_.post([this, snapshot = std::move(snapshot), accounts = std::move(accounts), next] {
            if (drained_) return;  // nothing is opened any more
            if (snapshot) apply(*snapshot);
            if (accounts) collections_.apply(*accounts);
            if (listeners_missing_) adopt_listeners();  // the port may be free by now
            if (next) {
                looking_.expires_at(*next);
                look_later();
            }
        });
    });
}

void Host::look_later() {
    if (looking_.expiry() <= clock_.now()) looking_.expires_after(look_every);
    looking_.async_wait([this](boost::system::error_code error) {
        if (error || drained_) return;
        look({});
        look_later();
    });
}

void Host::flush_later() {
    flushing_.expires_after(flush_every);
    flushing_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        if (recorder_.pending()) disk_pool_.post([this] { recorder_.flush(); });
        maildrops_.tidy();
        flush_later();
    });
}

void Host::keep_house_later(std::chrono::minutes pause) {
    keeping_.expires_after(pause);
    keeping_.async_wait([this](boost::system::error_code error) {
        if (error || drained_) return;
        disk_pool_.post([this, snapshot = room_.snapshot] {
            keep_house(disk_, layout_, snapshot, clock_, names_, log_);
        });
        keep_house_later(between_housekeepings);
    });
}

void Host::drain(bool now) {
    if (now) {
        connections_.abort();
        collections_.abort();
        queue_.abort();
        return;
    }
    drained_ = true;
    listeners_.clear();
    draining_.expires_after(drain_for);
    draining_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        connections_.abort();
        collections_.abort();
        queue_.abort();
    });
    connections_.drain();
    collections_.drain();
    queue_.drain();
    connections_.when_empty(
        [this] { collections_.when_idle([this] { queue_.when_idle([this] { loop_.stop(); }); }); });
}

}  // namespace mailhandler::run
