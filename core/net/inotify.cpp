#include "net/inotify.hpp"

#include <cerrno>
#include <unistd.h>
#include <utility>

namespace mailhandler::net {

Result<std::unique_ptr<Inotify>> Inotify::open(Loop& loop, const std::string& what) {
    const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor < 0) return fail_errno("inotify", "cannot watch " + what, errno);
    return std::unique_ptr<Inotify>(new Inotify(loop, descriptor));
}

void Inotify::listen(Event event, std::function<void()> drained) {
    event_ = std::move(event);
    drained_ = std::move(drained);
    await();
}

int Inotify::add(const std::string& directory, std::uint32_t interesting) {
    return ::inotify_add_watch(events_.native_handle(), directory.c_str(),
                               interesting | IN_ONLYDIR);
}

void Inotify::remove(int id) { ::inotify_rm_watch(events_.native_handle(), id); }

void Inotify::await() {
    events_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired()) return;
            read();
            await();
        });
}

void Inotify::read() {
    alignas(inotify_event) char octets[16 * 1024];
    for (;;) {
        const ssize_t size = ::read(events_.native_handle(), octets, sizeof octets);
        if (size <= 0) break;  // EAGAIN: that was all
        for (ssize_t at = 0; at < size;) {
            const auto& event = *reinterpret_cast<const inotify_event*>(octets + at);
            at += static_cast<ssize_t>(sizeof event + event.len);
            event_(event.wd, event.mask, event.len > 0 ? event.name : "");
        }
    }
    drained_();
}

}  // namespace mailhandler::net
