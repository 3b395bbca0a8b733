#include "run/serve.hpp"

#include <cerrno>
#include <sys/resource.h>
#include <unistd.h>

#include "net/signals.hpp"
#include "run/heap.hpp"
#include "run/host.hpp"
#include "store/leftovers.hpp"
#include "store/node.hpp"

namespace mailhandler::run {

namespace {

// Each connection is a descriptor: as many as the system lets us have.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

Result<std::unique_ptr<disk::Lock>> take_lock(disk::Disk& disk, const store::Layout& layout) {
    auto lock = store::take_serve_lock(disk, layout);
    if (!lock && lock.error().error == EWOULDBLOCK)
        return fail(layout.root(), "another mailhandler serve is running for this root");
    return lock;
}

}  // namespace

Result<> serve(disk::Disk& disk, const Clock& clock, const ServeOptions& options) {
    share_one_heap();
    agent::Configuration configuration(disk, options.root, clock, options.log);
    auto snapshot = configuration.start();
    if (!snapshot) return tl::unexpected(snapshot.error());
    const store::Layout layout(options.root, snapshot->server->state);
    const auto lock = take_lock(disk, layout);
    if (!lock) return tl::unexpected(lock.error());
    raise_descriptor_limit();

    Host host(disk, clock, layout, configuration, *snapshot, options.log);
    if (auto opened = host.open(); !opened) return opened;
    const net::Signals signals(host.loop(), [&host](int signal) { host.signalled(signal); });
    if (options.ready) options.ready(host.listening());
    host.run();
    return {};
}

}  // namespace mailhandler::run
