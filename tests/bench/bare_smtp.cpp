// The least a server can do: says yes to every command and every message, one thread, epoll.
// bare_smtp PORT [MAILDIR]. Without MAILDIR the message is thrown away: what remains is what the
// load and the kernel's loopback cost, so it shows that the load is not the bottleneck. With
// MAILDIR each message is written to tmp/, synced, renamed into new/, and new/ synced, one after
// another, before its 250: a floor for what durability costs without any cleverness.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

struct Connection {
    int fd;
    bool in_data = false;
    std::string in;
};

std::string maildir;
int new_dir = -1;
unsigned long delivered = 0;

bool deliver(std::string_view message) {
    if (maildir.empty()) return true;
    std::string name = std::to_string(getpid()) + "." + std::to_string(++delivered) + ".bare";
    std::string tmp = maildir + "/tmp/" + name;
    int fd = open(tmp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool ok = write(fd, message.data(), message.size()) == static_cast<ssize_t>(message.size()) &&
              fsync(fd) == 0;
    close(fd);
    return ok && std::rename(tmp.c_str(), (maildir + "/new/" + name).c_str()) == 0 &&
           fsync(new_dir) == 0;
}

void say(const Connection& c, std::string_view text) {
    if (send(c.fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) perror("send");
}

// One complete line or message out of the input; false when more must be read.
bool step(Connection& c, bool& quit) {
    if (c.in_data) {
        auto end = c.in.find("\r\n.\r\n");
        if (end == std::string::npos) return false;
        bool ok = deliver(std::string_view(c.in).substr(0, end + 2));
        c.in.erase(0, end + 5);
        c.in_data = false;
        say(c, ok ? "250 2.0.0 kept\r\n" : "451 4.3.0 not kept\r\n");
        return true;
    }
    auto eol = c.in.find("\r\n");
    if (eol == std::string::npos) return false;
    std::string_view verb = std::string_view(c.in).substr(0, 4);
    quit = verb == "QUIT";
    c.in_data = verb == "DATA";
    say(c, c.in_data ? "354 go on\r\n" : quit ? "221 bye\r\n" : "250 yes\r\n");
    c.in.erase(0, eol + 2);
    return !quit;
}

void accept_all(int epoll, int listener) {
    for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_event event{};
        event.events = EPOLLIN;
        auto* c = new Connection{fd, false, {}};
        event.data.ptr = c;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        say(*c, "220 bare.example ESMTP\r\n");
    }
}

void handle(Connection* c) {
    char buffer[65536];
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    bool quit = n <= 0;
    if (n > 0) {
        c->in.append(buffer, static_cast<std::size_t>(n));
        while (step(*c, quit)) {}
    }
    if (!quit) return;
    close(c->fd);
    delete c;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    if (argc > 2) {
        maildir = argv[2];
        new_dir = open((maildir + "/new").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (new_dir < 0) return perror(argv[2]), 1;
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) < 0 ||
        listen(listener, 1024) < 0) {
        return perror("listen"), 1;
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        epoll_event events[64];
        int n = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < n; ++i) {
            if (!events[i].data.ptr) accept_all(epoll, listener);
            else handle(static_cast<Connection*>(events[i].data.ptr));
        }
    }
}
