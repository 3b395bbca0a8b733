#include "net/loop.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <exception>
#include <fmt/format.h>

namespace mailhandler::net {

Loop::Loop() : scratch_(new char[scratch_size]) { std::signal(SIGPIPE, SIG_IGN); }

void Loop::run() { context_.run(); }

void Loop::post(std::function<void()> function) {
    boost::asio::post(context_, std::move(function));
}

void Loop::spawn(Task<> task, Log log, std::string what) {
    auto ended = [log = std::move(log), what = std::move(what)](std::exception_ptr failure) {
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            log.error(fmt::format("{}: a bug of ours: {}", what, error.what()));
        } catch (...) {
            log.error(fmt::format("{}: a bug of ours", what));
        }
    };
    boost::asio::co_spawn(context_, std::move(task), std::move(ended));
}

}  // namespace mailhandler::net
