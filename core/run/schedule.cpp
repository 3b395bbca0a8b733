#include "run/schedule.hpp"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace mailhandler::run {

namespace {

constexpr auto usual_pause = std::chrono::minutes(5);
constexpr auto longest_pause = std::chrono::hours(1);
constexpr auto look_for_a_place = std::chrono::milliseconds(200);

bool same(const config::Fetch& a, const config::Fetch& b) {
    return a.host == b.host && a.port == b.port && a.protocol == b.protocol && a.login == b.login &&
           a.every == b.every && a.idle == b.idle && a.renew == b.renew &&
           a.password_file == b.password_file && a.password_command == b.password_command &&
           a.token_command == b.token_command && a.ca_file == b.ca_file && a.tls == b.tls &&
           a.domain == b.domain && a.headers == b.headers && a.trust == b.trust &&
           a.prefix == b.prefix && a.keep == b.keep && a.unknown == b.unknown &&
           a.missing == b.missing && a.deliver == b.deliver;
}

}  // namespace

struct Schedule::Account {
    explicit Account(boost::asio::io_context& context) : timer(context) {}

    std::shared_ptr<const config::Fetch> fetch;  // null: there is no such account any more
    boost::asio::steady_timer timer;
    bool changed = false;    // the pause is over before its time
    Reach* reach = nullptr;  // while a run is under way
    bool resting = false;    // … that waits for mail
    unsigned failures = 0;   // in a row
};

Schedule::Schedule(Collecting& with, Random& random, Options options)
    : with_(with), random_(random), options_(std::move(options)) {}

Schedule::~Schedule() = default;

void Schedule::apply(Orders orders) {
    orders_ = std::move(orders);
    if (draining_) return;
    std::map<std::string, std::shared_ptr<const config::Fetch>> wanted;
    for (const auto& fetch : orders_.fetches)
        if (fetch->every || fetch->idle || options_.all) wanted.emplace(fetch->name, fetch);
    for (auto it = accounts_.begin(); it != accounts_.end();) {
        if (wanted.contains(it->first)) {
            ++it;
            continue;
        }
        Account& gone = *it->second;
        gone.fetch = nullptr;
        gone.timer.cancel();
        if (gone.reach) gone.reach->drain();
        it = accounts_.erase(it);
    }
    for (const auto& [name, fetch] : wanted) {
        std::shared_ptr<Account>& account = accounts_[name];
        if (!account) {
            account = std::make_shared<Account>(with_.loop.context());
            account->fetch = fetch;
            ++running_;
            with_.loop.spawn(keep(account), with_.house.log, "fetch " + name);
        } else if (!same(*account->fetch, *fetch)) {
            account->fetch = fetch;
            account->failures = 0;
            account->changed = true;
            account->timer.cancel();
            // It may stay for hours.
            if (account->reach && account->resting) account->reach->drain();
        }
    }
}

// False: it is time to end.
net::Task<bool> Schedule::wait(Account& account, std::chrono::milliseconds time) {
    if (!draining_ && account.fetch && !account.changed) {
        account.timer.expires_after(time);
        boost::system::error_code cancelled;
        co_await account.timer.async_wait(
            boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    }
    co_return !draining_ && account.fetch != nullptr;
}

net::Task<> Schedule::keep(std::shared_ptr<Account> account) {
    std::chrono::milliseconds pause{0};
    for (;;) {
        if (pause.count() > 0) {
            const bool going = co_await wait(*account, pause);
            if (!going) break;
        }
        account->changed = false;
        while (under_way_ >= at_a_time) {
            const bool going = co_await wait(*account, look_for_a_place);
            if (!going) break;
        }
        if (draining_ || !account->fetch) break;
        Reach reach;
        account->reach = &reach;
        ++under_way_;
        agent::Errand errand = errand_of(*account);
        const Standing standing = standing_of(*account);
        const Standing* const staying = account->fetch->idle ? &standing : nullptr;
        Gain gain = co_await collect(with_, std::move(errand), reach, staying);
        if (!std::exchange(account->resting, false)) --under_way_;
        account->reach = nullptr;
        tell(gain);
        if (options_.done) options_.done(gain);
        if (account->fetch) pause = pause_after(*account, gain);
    }
    ended();
}

agent::Errand Schedule::errand_of(const Account& account) const {
    agent::Errand errand;
    errand.fetch = account.fetch;
    errand.directory = orders_.directory;
    errand.held_size = orders_.held_size;
    errand.hostname = orders_.hostname;
    return errand;
}

// What an account that waits for mail needs: it holds no place among those under way meanwhile.
Standing Schedule::standing_of(Account& account) {
    Standing standing;
    const std::shared_ptr<const config::Fetch> fetch = account.fetch;
    standing.errand = [this, &account, fetch] {
        agent::Errand errand = errand_of(account);
        errand.fetch = fetch;  // also where there is no such account any more
        return errand;
    };
    standing.done = [this, &account](const Gain& gain) {
        account.failures = 0;
        tell(gain);
        if (options_.done) options_.done(gain);
    };
    standing.resting = [this, &account](bool resting) {
        account.resting = resting;
        resting ? --under_way_ : ++under_way_;
        // What was changed or taken away during the round.
        if (resting && (account.changed || !account.fetch) && account.reach) account.reach->drain();
    };
    return standing;
}

std::chrono::milliseconds Schedule::pause_after(Account& account, const Gain& gain) {
    using std::chrono::milliseconds;
    const agent::Harvest& harvest = gain.harvest;
    // Who waits for mail comes back soon, but not where somebody has to do something first.
    const bool soon =
        account.fetch->idle && !harvest.braked && !(harvest.fault && !harvest.fault->temporary);
    const milliseconds every =
        soon ? milliseconds(1000) : milliseconds(account.fetch->every.value_or(usual_pause));
    if (gain.rested) account.failures = 0;
    if (!harvest.fault && !harvest.braked) {
        account.failures = 0;
        return std::max(every, milliseconds(1));
    }
    const unsigned doubled = std::min(account.failures++, 12u);
    const milliseconds most =
        soon ? milliseconds(usual_pause) : std::max<milliseconds>(longest_pause, every);
    const milliseconds pause =
        std::clamp<milliseconds>(every * (1u << doubled), milliseconds(1000), most);
    // Between four and six fifths of it.
    return pause * 4 / 5 +
           milliseconds(random_.bits() % (static_cast<std::uint64_t>(pause.count()) * 2 / 5 + 1));
}

void Schedule::tell(const Gain& gain) const {
    const agent::Harvest& harvest = gain.harvest;
    const Log& log = with_.house.log;
    const std::string who = "fetch " + harvest.fetch;
    if (harvest.fetched != 0 || harvest.deleted != 0)
        log.info(fmt::format("{}: {} messages, {} octets, {} held, {} deleted on the server", who,
                             harvest.fetched, harvest.octets, harvest.newly_held(),
                             harvest.deleted));
    for (const std::string& complaint : harvest.complaints) log.warning(who + ": " + complaint);
    for (const auto& [why, count] : harvest.waiting)
        log.warning(fmt::format("{}: {} messages stay on the server: {}", who, count, why));
    if (harvest.braked) {
        log.error(who +
                  ": a first run that placed none of its first messages was stopped; "
                  "'headers' does not fit what the host writes");
        for (const std::string& line : harvest.headers) log.error(who + ": " + line);
    }
    if (!harvest.fault) return;
    // A line that is lost while nothing is under way is no trouble: it is dialled again.
    if (harvest.fault->temporary && gain.rested && harvest.listed == 0)
        log.info(fmt::format("{}: {}", who, harvest.fault->text()));
    else if (harvest.fault->temporary)
        log.warning(fmt::format("{}: {}", who, harvest.fault->text()));
    else
        log.error(fmt::format("{}: {}", who, harvest.fault->text()));
}

void Schedule::drain() {
    draining_ = true;
    for (const auto& [name, account] : accounts_) {
        account->timer.cancel();
        if (account->reach) account->reach->drain();
    }
}

void Schedule::abort() {
    for (const auto& [name, account] : accounts_)
        if (account->reach) account->reach->abort();
}

void Schedule::when_idle(std::function<void()> function) {
    if (running_ == 0) return function();
    when_idle_ = std::move(function);
}

void Schedule::ended() {
    if (--running_ == 0 && when_idle_) std::exchange(when_idle_, {})();
}

}  // namespace mailhandler::run
