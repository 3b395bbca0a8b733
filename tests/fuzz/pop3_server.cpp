// The server's session under arbitrary octets, cut where the first octet says, from three states:
// before a login, logged in, and with a message marked.
//
// What must hold: it always comes to Read or Close, Remove follows only a whole QUIT, Closed
// follows each Open, and no login is judged in clear off loopback.
#include <cstdlib>
#include <string_view>

#include "fuzz/run_server.hpp"
#include "pop3/server_session.hpp"
#include "support/made_maildrop.hpp"

using namespace mailhandler;

namespace {

struct Owner {
    bool loopback = false, open = false, secure = false;
    std::string heard;

    pop3::Answer answer(pop3::Question question) {
        if (std::holds_alternative<pop3::MayLogin>(question)) require(loopback || secure);
        if (std::holds_alternative<pop3::Open>(question)) return maildrop();
        if (auto* load = std::get_if<pop3::Load>(&question)) return contents(*load);
        if (auto* remove = std::get_if<pop3::Remove>(&question)) {
            require(open && !remove->indexes.empty());
            require(has_quit());
            return pop3::Removed{};
        }
        if (std::holds_alternative<pop3::Closed>(question)) require(std::exchange(open, false));
        return pop3::Verdict{};
    }
    pop3::Answer maildrop() {
        require(!std::exchange(open, true));
        auto list = std::make_shared<test::MadeMaildrop>();
        for (const char* uidl : {"a", "b", "c"}) list->add(uidl, 9);
        return pop3::Opened{pop3::Outcome::ok, "", list};
    }
    pop3::Answer contents(const pop3::Load& load) {
        pop3::Contents contents;
        for (const auto& wanted : load.wanted) {
            require(open && wanted.index < 3);
            contents.contents.push_back({std::make_shared<TinyBody>(), 9, {}, {}});
        }
        require(!contents.contents.empty());
        return contents;
    }
    bool has_quit() const {
        for (std::size_t i = 0; i + 4 < heard.size(); ++i)
            if ((heard[i] | 32) == 'q' && (heard[i + 1] | 32) == 'u' &&
                (heard[i + 2] | 32) == 'i' && (heard[i + 3] | 32) == 't' &&
                heard.find('\n', i) != heard.npos)
                return true;
        return false;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    if (size < 2) return 0;
    const unsigned char how = data[0];
    const std::size_t piece = data[1] + 1u;
    std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
    Owner owner;
    owner.loopback = (how & 4) != 0 || (how & 3) != 0;
    pop3::Settings settings;
    settings.hostname = "h";
    settings.tls_offered = true;
    pop3::ServerSession session(settings, {"192.0.2.1", 1, owner.loopback, false});
    Instant now{std::chrono::hours(1)};
    bool more = run_server<pop3::Question>(session, owner, now);
    if (how & 3) session.receive("AUTH PLAIN AGEAYg==\r\n");
    if ((how & 3) == 2) session.receive("DELE 1\r\n");
    if (more) more = run_server<pop3::Question>(session, owner, now);
    for (std::size_t at = 0; more && at < octets.size(); at += piece) {
        owner.heard += octets.substr(at, piece);
        session.receive(octets.substr(at, piece));
        more = run_server<pop3::Question>(session, owner, now);
    }
    if (more && (how & 8)) more = run_server<pop3::Question>(session, owner, now + std::chrono::hours(1));
    if (more) {
        session.eof();
        require(!run_server<pop3::Question>(session, owner, now));
    }
    require(!owner.open);
    return 0;
}
