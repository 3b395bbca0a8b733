#include "run/collect.hpp"

#include <cerrno>
#include <fmt/format.h>

#include "imap/client_session.hpp"
#include "net/tls.hpp"
#include "pop3/client_session.hpp"
#include "run/secret.hpp"

namespace mailhandler::run {

namespace {

constexpr auto dial_limit = std::chrono::seconds(30);

struct Begin final : net::Work {
    Begin(agent::Storehouse& h, agent::Errand e) : house(h), errand(std::move(e)) {}
    void run() override { begun = agent::Retrieval::begin(house, std::move(errand)); }

    agent::Storehouse& house;
    agent::Errand errand;
    Result<std::unique_ptr<agent::Retrieval>> begun;
};

// What a connection needs that is read from the disk or from a command.
struct Prepare final : net::Work {
    Prepare(agent::Storehouse& h, const config::Fetch& f) : house(h), fetch(f) {}
    void run() override {
        if (given)
            secret = *given;
        else
            secret = read_secret(house.disk, house.layout, fetch);
        if (!secret || fetch.tls == config::TlsPolicy::none) return;
        const std::string ca = fetch.ca_file.empty() ? "" : house.layout.from_root(fetch.ca_file);
        auto made = net::TlsClient::make(fetch.host, net::Trust::verify, ca);
        if (made)
            tls = std::move(*made);
        else
            secret = fail(made.error().where, made.error().cause, false);
    }

    agent::Storehouse& house;
    const config::Fetch& fetch;
    std::optional<std::string> given;
    Result<std::string> secret;
    std::unique_ptr<net::TlsClient> tls;
};

// What a session is held for.
enum class Purpose { collect, look, stay };

bool by_imap(const config::Fetch& fetch) {
    return fetch.protocol == config::Fetch::Protocol::imap ||
           fetch.protocol == config::Fetch::Protocol::imaps;
}

void fill_in(wire::CollectSettings& settings, const config::Fetch& fetch, std::string secret) {
    settings.login = fetch.login;
    settings.secret = std::move(secret);
    settings.bearer = !fetch.token_command.empty();
    settings.tls_required = fetch.tls != config::TlsPolicy::none;
    settings.host = fetch.host;
}

pop3::ClientSettings pop3_settings(const config::Fetch& fetch, std::string secret) {
    pop3::ClientSettings settings;
    fill_in(settings, fetch, std::move(secret));
    return settings;
}

imap::ClientSettings imap_settings(const config::Fetch& fetch, std::string secret, Purpose purpose,
                                   Random& random) {
    imap::ClientSettings settings;
    fill_in(settings, fetch, std::move(secret));
    settings.nonce = random_text(random, 25);
    settings.look = purpose == Purpose::look;
    settings.idle = purpose == Purpose::stay;
    settings.compress = true;
    settings.renew = fetch.renew;
    settings.poll = std::min(settings.poll, fetch.renew);
    return settings;
}

// Who is not trusted today will not be tomorrow, unless somebody says so.
Fault trouble(Fault fault) {
    if (fault.error != EKEYREJECTED) return fault;
    fault.temporary = false;
    fault.cause += "; 'ca_file' can name a certificate to trust";
    return fault;
}

// How a session ended: what was wrong with the line, and what the session says.
struct Talk {
    std::optional<Fault> fault;
    wire::Outcomes outcomes;
};

// From the secret to the end of the session.
template <class Owner>
net::Task<Talk> converse(Collecting& with, const config::Fetch& fetch, Owner& owner, Reach& reach,
                         Purpose purpose, std::optional<std::string> secret = {}) {
    agent::Storehouse& house = with.house;
    Talk talk;
    Prepare prepare(house, fetch);
    prepare.given = std::move(secret);
    co_await net::offload(with.pool, prepare);
    if (!prepare.secret) {
        talk.fault = prepare.secret.error();
        co_return talk;
    }
    net::Destination to{fetch.host, fetch.port, nullptr};
    if (fetch.protocol == config::Fetch::Protocol::pop3s ||
        fetch.protocol == config::Fetch::Protocol::imaps)
        to.tls = prepare.tls.get();
    const Instant deadline = house.clock.now() + dial_limit;
    Result<net::Stream> dialled = co_await net::dial(with.loop, with.pool, to, deadline);
    if (!dialled) {
        talk.fault = trouble(dialled.error());
        co_return talk;
    }
    if (reach.draining()) {
        talk.fault = Fault{fetch.host, "stopped before the login", true, 0};
        co_return talk;
    }
    net::Stream stream = std::move(*dialled);
    reach.connected(stream.handle());
    const net::Means means{with.loop, house.clock, with.pool, with.pool, house.log,
                           prepare.tls.get()};
    Result<> end;
    if (by_imap(fetch)) {
        imap::ClientSession session(
            imap_settings(fetch, std::move(*prepare.secret), purpose, with.random), stream.peer());
        end = co_await net::drive(stream, session, owner, means);
        talk.outcomes = session.outcomes();
    } else {
        pop3::ClientSession session(pop3_settings(fetch, std::move(*prepare.secret)),
                                    stream.peer());
        end = co_await net::drive(stream, session, owner, means);
        talk.outcomes = session.outcomes();
    }
    reach.connected({});
    if (!end) talk.fault = trouble(end.error());
    co_return talk;
}

// The owner of a session that only looks.
struct Onlooker {
    wire::ClientAnswer answer(wire::ClientQuestion question) {
        if (std::holds_alternative<wire::Listed>(question)) return wire::Plan{};
        if (std::holds_alternative<wire::Finished>(question)) return wire::Done{};
        return wire::Progress{};
    }
};

}  // namespace

void Reach::drain() {
    draining_ = true;
    handle_.drain();
}

void Reach::abort() {
    draining_ = true;
    handle_.abort();
}

void Reach::connected(net::Handle handle) { handle_ = std::move(handle); }

net::Task<Gain> collect(Collecting& with, agent::Errand errand, Reach& reach,
                        const Standing* standing) {
    const Instant begun = with.house.clock.now();
    const std::shared_ptr<const config::Fetch> fetch = errand.fetch;
    Gain gain;
    gain.harvest.fetch = fetch->name;
    if (!errand.directory.find(fetch->domain)) {
        gain.harvest.fault =
            Fault{fmt::format("fetch/{}.toml", fetch->name),
                  fmt::format("its domain {} has no file in domains/", fetch->domain), false, 0};
        co_return gain;
    }
    Purpose purpose = standing ? Purpose::stay : Purpose::collect;
    if (errand.rehearsal) purpose = Purpose::look;
    Begin begin(with.house, std::move(errand));
    co_await net::offload(with.pool, begin);
    if (!begin.begun) {
        gain.harvest.fault = busy_or(begin.begun.error());
        co_return gain;
    }
    Rounds rounds(with.house, std::move(*begin.begun), standing);
    // A token may have aged while it lay there: it is asked for once more.
    if (!fetch->token_command.empty()) rounds.forgive_login(true);
    Talk talk = co_await converse(with, *fetch, rounds, reach, purpose);
    if (rounds.forgiven() && !reach.draining()) {
        rounds.forgive_login(false);
        talk = co_await converse(with, *fetch, rounds, reach, purpose);
    }
    gain = rounds.last(talk.outcomes, fetch->host);
    gain.harvest.fetch = fetch->name;
    // The session's own words say more than the line's, but not why a handshake failed.
    if (talk.fault && !gain.harvest.braked &&
        (!gain.harvest.fault || talk.fault->cause.find("TLS") != std::string::npos))
        gain.harvest.fault = std::move(talk.fault);
    if (!gain.rested) gain.harvest.took = with.house.clock.now() - begun;
    co_return gain;
}

net::Task<Result<std::size_t>> look(Collecting& with, std::shared_ptr<const config::Fetch> fetch,
                                    std::optional<std::string> secret) {
    Onlooker onlooker;
    Reach reach;
    Talk talk = co_await converse(with, *fetch, onlooker, reach, Purpose::look, std::move(secret));
    if (talk.outcomes.complete) co_return talk.outcomes.messages;
    if (talk.fault) co_return tl::unexpected(std::move(*talk.fault));
    Fault why{fetch->host, talk.outcomes.cause, talk.outcomes.temporary, 0};
    co_return tl::unexpected(std::move(why));
}

net::Task<Result<std::string>> certificate_of(Collecting& with,
                                              std::shared_ptr<const config::Fetch> fetch) {
    auto role = net::TlsClient::make(fetch->host, net::Trust::any, "");
    if (!role) co_return tl::unexpected(role.error());
    const Instant deadline = with.house.clock.now() + dial_limit;
    const net::Destination to{fetch->host, fetch->port, nullptr};
    Result<net::Stream> dialled = co_await net::dial(with.loop, with.pool, to, deadline);
    if (!dialled) co_return tl::unexpected(dialled.error());
    net::Stream stream = std::move(*dialled);
    // RFC 2595 sections 3 and 4, with just enough of the protocol to get to the handshake.
    std::string_view command, good = "+OK";
    if (fetch->protocol == config::Fetch::Protocol::pop3) command = "STLS\r\n";
    if (fetch->protocol == config::Fetch::Protocol::imap) command = "a1 STARTTLS\r\n";
    for (int step = 0; !command.empty() && step < 2; ++step) {
        if (by_imap(*fetch)) good = step == 0 ? "* OK" : "a1 OK";
        if (step == 1) {
            const net::Io sent = co_await stream.write_all(command, dial_limit);
            if (sent != net::Io::ok) co_return fail(fetch->host, "does not listen");
        }
        char line[600];
        const net::Transfer heard = co_await stream.read_some(line, deadline);
        if (heard.status != net::Io::ok || !std::string_view(line, heard.size).starts_with(good))
            co_return fail(fetch->host, "offers no TLS", false);
    }
    const Result<wire::TlsInfo> info = co_await stream.handshake(**role, deadline);
    if (!info) co_return tl::unexpected(info.error());
    std::string pem = stream.peer_certificate();
    stream.abort(false);
    co_return pem;
}

}  // namespace mailhandler::run
