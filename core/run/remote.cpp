// One look at a remote account, for commands.
#include <fmt/format.h>
#include <unistd.h>

#include "net/certificate.hpp"
#include "run/collect.hpp"
#include "run/fetch.hpp"

namespace mailhandler::run {

namespace {

// What a single question to a server needs.
struct Desk {
    Desk(disk::Disk& disk, const Clock& clock, const std::string& root)
        : layout(root), names(clock, "look", static_cast<unsigned>(getpid())), quotas(disk, clock),
          house{disk, layout, clock, names, quotas, {}, Log()} {}

    template <class T>
    Result<T> ask(net::Task<Result<T>> question) {
        Result<T> answer = fail("", "no answer");
        loop.spawn(answer_into(std::move(question), answer, loop), Log(), "remote");
        loop.run();
        pool.stop();
        return answer;
    }

    template <class T>
    static net::Task<> answer_into(net::Task<Result<T>> question, Result<T>& answer,
                                   net::Loop& loop) {
        Result<T> given = co_await std::move(question);
        answer = std::move(given);
        loop.stop();
    }

    const store::Layout layout;
    store::UniqueNames names;
    store::Quotas quotas;
    agent::Storehouse house;
    net::Loop loop;
    net::Pool pool{"remote", 2};
    SystemRandom random;
    Collecting with{loop, pool, house, random};
};

}  // namespace

Result<std::size_t> look_at_remote(disk::Disk& disk, const Clock& clock, const std::string& root,
                                   const config::Fetch& fetch, std::optional<std::string> secret) {
    Desk desk(disk, clock, root);
    return desk.ask(look(desk.with, std::make_shared<const config::Fetch>(fetch), std::move(secret)));
}

Result<ShownCertificate> certificate_of_remote(disk::Disk& disk, const Clock& clock,
                                               const std::string& root, const config::Fetch& fetch) {
    Desk desk(disk, clock, root);
    auto pem = desk.ask(certificate_of(desk.with, std::make_shared<const config::Fetch>(fetch)));
    if (!pem) return tl::unexpected(pem.error());
    auto certificate = net::inspect_text(*pem);
    if (!certificate) return tl::unexpected(certificate.error());
    return ShownCertificate{std::move(*pem), certificate->subject, certificate->fingerprint,
                            certificate->names};
}

}  // namespace mailhandler::run
