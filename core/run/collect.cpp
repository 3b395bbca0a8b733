#include "run/collect.hpp"

#include <cerrno>
#include <fmt/format.h>

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

pop3::ClientSettings settings_of(const config::Fetch& fetch, std::string secret) {
    pop3::ClientSettings settings;
    settings.login = fetch.login;
    settings.secret = std::move(secret);
    settings.bearer = !fetch.token_command.empty();
    settings.tls_required = fetch.tls != config::TlsPolicy::none;
    settings.host = fetch.host;
    return settings;
}

// Who is not trusted today will not be tomorrow, unless somebody says so.
Fault trouble(Fault fault) {
    if (fault.error != EKEYREJECTED) return fault;
    fault.temporary = false;
    fault.cause += "; 'ca_file' can name a certificate to trust";
    return fault;
}

// From the secret to the end of the session. Nothing: the owner was told Finished, it knows more.
template <class Owner>
net::Task<std::optional<Fault>> converse(Collecting& with, const config::Fetch& fetch, Owner& owner,
                                         Reach& reach, std::optional<std::string> secret = {}) {
    agent::Storehouse& house = with.house;
    Prepare prepare(house, fetch);
    prepare.given = std::move(secret);
    co_await net::offload(with.pool, prepare);
    if (!prepare.secret) co_return prepare.secret.error();
    net::Destination to{fetch.host, fetch.port, nullptr};
    if (fetch.protocol == config::Fetch::Protocol::pop3s) to.tls = prepare.tls.get();
    const Instant deadline = house.clock.now() + dial_limit;
    Result<net::Stream> dialled = co_await net::dial(with.loop, with.pool, to, deadline);
    if (!dialled) co_return trouble(dialled.error());
    if (reach.draining()) co_return Fault{fetch.host, "stopped before the login", true, 0};
    net::Stream stream = std::move(*dialled);
    reach.connected(stream.handle());
    const net::Means means{with.loop, house.clock, with.pool, with.pool, house.log,
                           prepare.tls.get()};
    pop3::ClientSession session(settings_of(fetch, std::move(*prepare.secret)), stream.peer());
    const Result<> end = co_await net::drive(stream, session, owner, means);
    reach.connected({});
    if (!end) co_return trouble(end.error());
    co_return std::nullopt;
}

// The owner of a session that only looks.
struct Onlooker {
    pop3::ClientAnswer answer(pop3::ClientQuestion question) {
        if (std::holds_alternative<pop3::Listed>(question)) return pop3::Plan{};
        if (auto* finished = std::get_if<pop3::Finished>(&question)) {
            outcomes = std::move(finished->outcomes);
            return pop3::Done{};
        }
        return pop3::Progress{};
    }
    std::optional<pop3::Outcomes> outcomes;
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

Result<> collectable(const config::Fetch& fetch) {
    const std::string where = fmt::format("fetch/{}.toml", fetch.name);
    if (fetch.protocol != config::Fetch::Protocol::pop3 &&
        fetch.protocol != config::Fetch::Protocol::pop3s)
        return fail(where, "IMAP is not collected by this version yet; pop3:// and pop3s:// are", false);
    if (fetch.deliver != "maildir")
        return fail(where, fmt::format("deliver = \"{}\" is not done by this version yet; "
                                       "\"maildir\" is",
                                       fetch.deliver),
                    false);
    return {};
}

net::Task<Gain> collect(Collecting& with, agent::Errand errand, Reach& reach) {
    const Instant begun = with.house.clock.now();
    const std::shared_ptr<const config::Fetch> fetch = errand.fetch;
    Gain gain;
    gain.harvest.fetch = fetch->name;
    if (const auto can = collectable(*fetch); !can) {
        gain.harvest.fault = can.error();
        co_return gain;
    }
    if (!errand.directory.find(fetch->domain)) {
        gain.harvest.fault =
            Fault{fmt::format("fetch/{}.toml", fetch->name),
                  fmt::format("its domain {} has no file in domains/", fetch->domain), false, 0};
        co_return gain;
    }
    Begin begin(with.house, std::move(errand));
    co_await net::offload(with.pool, begin);
    if (!begin.begun) {
        Fault fault = begin.begun.error();
        if (fault.error == EWOULDBLOCK)
            fault = Fault{"", "is being collected by another process", true, EWOULDBLOCK};
        gain.harvest.fault = std::move(fault);
        co_return gain;
    }
    gain.retrieval = std::move(*begin.begun);
    std::optional<Fault> fault = co_await converse(with, *fetch, *gain.retrieval, reach);
    gain.harvest = gain.retrieval->harvest();
    // The session's own words say more than the line's, but not why a handshake failed.
    if (fault && !gain.harvest.braked &&
        (!gain.harvest.fault || fault->cause.find("TLS") != std::string::npos))
        gain.harvest.fault = std::move(fault);
    gain.harvest.took = with.house.clock.now() - begun;
    co_return gain;
}

net::Task<Result<std::size_t>> look(Collecting& with, std::shared_ptr<const config::Fetch> fetch,
                                    std::optional<std::string> secret) {
    if (const auto can = collectable(*fetch); !can) co_return tl::unexpected(can.error());
    Onlooker onlooker;
    Reach reach;
    std::optional<Fault> fault = co_await converse(with, *fetch, onlooker, reach, std::move(secret));
    if (onlooker.outcomes && onlooker.outcomes->complete) co_return onlooker.outcomes->messages;
    if (fault) co_return tl::unexpected(std::move(*fault));
    Fault why{fetch->host, onlooker.outcomes ? onlooker.outcomes->cause : "no answer",
              !onlooker.outcomes || onlooker.outcomes->temporary, 0};
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
    if (fetch->protocol == config::Fetch::Protocol::pop3) {
        // RFC 2595 section 4, with just enough of the protocol to get to the handshake.
        for (const std::string_view command : {std::string_view(), std::string_view("STLS\r\n")}) {
            if (!command.empty()) {
                const net::Io sent = co_await stream.write_all(command, dial_limit);
                if (sent != net::Io::ok) co_return fail(fetch->host, "does not listen");
            }
            char line[600];
            const net::Transfer heard = co_await stream.read_some(line, deadline);
            if (heard.status != net::Io::ok || !std::string_view(line, heard.size).starts_with("+OK"))
                co_return fail(fetch->host, "offers no TLS (STLS)", false);
        }
    }
    const Result<wire::TlsInfo> info = co_await stream.handshake(**role, deadline);
    if (!info) co_return tl::unexpected(info.error());
    std::string pem = stream.peer_certificate();
    stream.abort(false);
    co_return pem;
}

}  // namespace mailhandler::run
