#include "run/fetch.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <fmt/format.h>
#include <mutex>
#include <set>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/forward.hpp"
#include "agent/outgoing.hpp"
#include "agent/recorder.hpp"
#include "net/signals.hpp"
#include "run/heap.hpp"
#include "run/local_server.hpp"
#include "run/schedule.hpp"
#include "store/journal.hpp"
#include "store/node.hpp"

namespace mailhandler::run {

namespace {

constexpr auto draw_every = std::chrono::milliseconds(200);
constexpr auto flush_every = std::chrono::seconds(1);

void tell(const Log& log, const std::vector<config::Problem>& problems) {
    for (const config::Problem& problem : problems) {
        if (problem.error)
            log.error(problem.show());
        else
            log.warning(problem.show());
    }
}

// Each file of a batch is open until it is synced.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// A process that only fetches: what `serve` has from its Host.
class Fetcher {
  public:
    Fetcher(disk::Disk& disk, const Clock& clock, Random& random, const config::Server& server,
            const FetchOptions& options)
        : disk_(disk),
          random_(random),
          options_(options),
          server_(server),
          layout_(options.root, server.state),
          node_(store::node_id(server.node)),
          names_(clock, node_, static_cast<unsigned>(getpid())),
          quotas_(disk, clock),
          journal_(disk, layout_, node_, clock),
          recorder_(journal_, clock, options.log),
          spool_(disk, layout_, clock, server.node),
          bounces_(names_, clock, disk, layout_),
          house_{disk,
                 layout_,
                 clock,
                 names_,
                 quotas_,
                 [this](watch::Event event) {  // on a thread that may wait for the disk
                     recorder_.record(std::move(event));
                     if (recorder_.heavy()) recorder_.flush();
                 },
                 options.log,
                 [this](const std::string& name, agent::Handover& owner) {
                     return servers_.call(name, owner);
                 }},
          pool_("fetch", 2 * Schedule::at_a_time),
          servers_(loop_, pool_, clock, options.log, [&server] { return server.hostname; }),
          with_{loop_, pool_, house_, random_},
          ticking_(loop_.context()) {}

    // The files that are to be collected; one that cannot be loaded is told of and done with.
    void load() {
        auto names = options_.names;
        if (names.empty()) {
            auto found = config::fetch_names(disk_, options_.root);
            tell(options_.log, found.problems);
            names = std::move(found.names);
        }
        std::set<std::string> seen;
        for (const std::string& name : names) {
            if (!seen.insert(name).second) continue;
            auto loaded = config::load_fetch(disk_, options_.root, name);
            tell(options_.log, loaded.problems);
            if (!loaded.ok()) {
                fail(name, Fault{fmt::format("fetch/{}.toml", name), "cannot be loaded", false, 0});
                continue;
            }
            orders_.fetches.push_back(
                std::make_shared<const config::Fetch>(std::move(*loaded.value)));
        }
        auto directory = config::load_directory(disk_, options_.root, server_);
        tell(options_.log, directory.problems);
        orders_.directory = std::move(directory.directory);
        orders_.held_size = server_.held.size;
        orders_.hostname = server_.hostname;
    }

    // What leaves again is put into the queue; it waits there for `serve`.
    Result<> open_outgoing() {
        if (options_.dry_run) return {};
        auto srs = agent::load_srs(disk_, layout_, random_);
        if (!srs) return tl::unexpected(srs.error());
        srs_.emplace(std::move(*srs));
        outgoing_.emplace(agent::into(spool_, *srs_, bounces_, {}));
        house_.outgoing = &*outgoing_;
        return {};
    }

    void run() {
        raise_descriptor_limit();
        const net::Signals signals(loop_, [this](int signal) { signalled(signal); });
        loop_.spawn(tick(), options_.log, "fetch");
        if (options_.watch) {
            watch();
        } else {
            waiting_.assign(orders_.fetches.begin(), orders_.fetches.end());
            workers_ = std::min(waiting_.size(), Schedule::at_a_time);
            if (workers_ == 0) loop_.stop();
            for (std::size_t i = 0; i < workers_; ++i) loop_.spawn(work(), options_.log, "fetch");
        }
        loop_.run();
        pool_.stop();
        recorder_.flush();
    }

  private:
    void fail(const std::string& name, Fault fault) {
        agent::Harvest harvest;
        harvest.fetch = name;
        harvest.fault = std::move(fault);
        if (options_.done) options_.done(harvest, nullptr);
    }

    void watch() {
        schedule_ = std::make_unique<Schedule>(
            with_, random_, Schedule::Options{true, [this](const Gain& gain) {
                                                  if (options_.done)
                                                      options_.done(gain.harvest, nullptr);
                                              }});
        schedule_->apply(std::move(orders_));
        if (schedule_->idle()) loop_.stop();
    }

    // One of those who collect: account after account, until none is left.
    net::Task<> work() {
        while (!waiting_.empty() && !draining_) {
            agent::Errand errand;
            errand.fetch = std::move(waiting_.front());
            waiting_.pop_front();
            errand.directory = orders_.directory;
            errand.held_size = orders_.held_size;
            errand.hostname = orders_.hostname;
            errand.rehearsal = options_.dry_run;
            errand.rehearsed = [this](const agent::Rehearsed& message) {
                const std::lock_guard lock(printing_);
                if (options_.rehearsed) options_.rehearsed(message);
            };
            agent::Progress progress;
            errand.progress = &progress;
            Reach reach;
            reaches_.insert(&reach);
            drawn_.push_back(&progress);
            Gain gain = co_await collect(with_, std::move(errand), reach);
            std::erase(drawn_, &progress);
            reaches_.erase(&reach);
            if (options_.done)
                options_.done(gain.harvest, options_.dry_run && gain.retrieval
                                                ? &gain.retrieval->survey()
                                                : nullptr);
        }
        if (--workers_ == 0) loop_.stop();
    }

    // Draws, and has the journal written now and then.
    net::Task<> tick() {
        Instant flushed = house_.clock.now();
        for (;;) {
            ticking_.expires_after(options_.draw ? draw_every : flush_every);
            boost::system::error_code cancelled;
            co_await ticking_.async_wait(
                boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
            if (cancelled) co_return;
            if (options_.draw) options_.draw(drawn_);
            if (house_.clock.now() - flushed < flush_every || !recorder_.pending()) continue;
            flushed = house_.clock.now();
            pool_.post([this] { recorder_.flush(); });
        }
    }

    void signalled(int signal) {
        if (signal == SIGHUP) return;
        const bool again = std::exchange(draining_, true);
        options_.log.info(again ? "stopping now"
                                : "stopping: what is under way is made safe first");
        for (Reach* reach : reaches_) again ? reach->abort() : reach->drain();
        if (!schedule_) return;
        again ? schedule_->abort() : schedule_->drain();
        schedule_->when_idle([this] { loop_.stop(); });
    }

    disk::Disk& disk_;
    Random& random_;
    const FetchOptions& options_;
    const config::Server& server_;
    const store::Layout layout_;
    const std::string node_;
    store::UniqueNames names_;
    store::Quotas quotas_;
    store::Journal journal_;
    agent::Recorder recorder_;
    store::Spool spool_;
    agent::Bounces bounces_;
    std::optional<mail::Srs> srs_;
    std::optional<agent::Outgoing> outgoing_;
    agent::Storehouse house_;
    Orders orders_;
    std::deque<std::shared_ptr<const config::Fetch>> waiting_;
    std::set<Reach*> reaches_;
    std::vector<const agent::Progress*> drawn_;
    std::mutex printing_;
    std::size_t workers_ = 0;
    bool draining_ = false;

    net::Loop loop_;
    net::Pool pool_;
    LocalServers servers_;
    Collecting with_;
    std::unique_ptr<Schedule> schedule_;
    boost::asio::steady_timer ticking_;
};

}  // namespace

Result<> fetch(disk::Disk& disk, const Clock& clock, Random& random, const FetchOptions& options) {
    share_one_small_heap();
    const auto server = config::load_server(disk, options.root);
    tell(options.log, server.problems);
    if (!server.ok()) return fail(options.root + "/mailhandler.toml", "cannot be loaded", false);
    Fetcher fetcher(disk, clock, random, *server.value, options);
    if (auto opened = fetcher.open_outgoing(); !opened) return opened;
    fetcher.load();
    fetcher.run();
    return {};
}

}  // namespace mailhandler::run
