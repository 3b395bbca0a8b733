#include "run/secret.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace mailhandler::run {

namespace {

constexpr std::size_t longest_secret = 64 * 1024;  // OAuth2 tokens have some thousand octets
constexpr auto command_limit = std::chrono::seconds(60);  // somebody may have to type a passphrase

struct Child {
    pid_t pid = -1;
    int out = -1;
};

// In a process group of its own, so that all of it can be ended.
Result<Child> spawn(const std::string& command, const std::string& directory) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) return fail_errno("sh", "cannot make a pipe", errno);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
    posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    const char* words[] = {"sh", "-c", command.c_str(), nullptr};
    Child child;
    child.out = pipe[0];
    const int error = ::posix_spawn(&child.pid, "/bin/sh", &actions, &attributes,
                                    const_cast<char**>(words), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    ::close(pipe[1]);
    if (error == 0) return child;
    ::close(pipe[0]);
    return fail_errno("sh", "cannot be started", error);
}

// What comes until the end; nothing when time is up first.
std::optional<std::string> read_until(int from, Instant deadline) {
    std::string text;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return {};
        pollfd wait{from, POLLIN, 0};
        if (::poll(&wait, 1, static_cast<int>(left.count())) <= 0) continue;
        char block[4096];
        const ssize_t got = ::read(from, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        if (text.size() < longest_secret) text.append(block, static_cast<std::size_t>(got));
    }
}

std::string first_line(const std::string& text) {
    std::string line = text.substr(0, text.find('\n'));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
}

}  // namespace

Result<std::string> run_command(const std::string& command, const std::string& directory,
                                std::chrono::seconds limit) {
    const auto child = spawn(command, directory);
    if (!child) return tl::unexpected(child.error());
    const auto text = read_until(child->out, std::chrono::steady_clock::now() + limit);
    ::close(child->out);
    // It has closed its output: what it does beyond that is not waited for long.
    if (!text) ::kill(-child->pid, SIGKILL);
    int status = 0;
    while (::waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    const std::string shown = "'" + command + "'";
    if (!text) return fail(shown, fmt::format("did not end within {} seconds", limit.count()));
    if (WIFSIGNALED(status)) return fail(shown, fmt::format("ended by signal {}", WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return fail(shown, fmt::format("ended with status {}", WEXITSTATUS(status)));
    return *text;
}

Result<std::string> read_secret(disk::Disk& disk, const store::Layout& layout,
                                const config::Fetch& fetch) {
    Result<std::string> text;
    std::string where;
    if (!fetch.password_file.empty()) {
        where = layout.from_root(fetch.password_file);
        text = disk::read_file(disk, where, longest_secret);
    } else {
        where = fetch.password_command.empty() ? fetch.token_command : fetch.password_command;
        text = run_command(where, layout.root(), command_limit);
    }
    if (!text) return text;
    std::string secret = first_line(*text);
    if (secret.empty()) return fail(where, "gives an empty password", false);
    return secret;
}

}  // namespace mailhandler::run
