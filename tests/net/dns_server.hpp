// A DNS server for tests: a few names on a UDP port of loopback, on a thread of its own.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <map>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

class DnsServer {
  public:
    enum Type { a = 1, cname = 5, ptr = 12, mx = 15, txt = 16, aaaa = 28 };
    struct Record {
        Type type;
        std::string data;         // an address, a name, a text
        unsigned preference = 0;  // of an MX
        std::string owner = {};   // another name than was asked for (behind a CNAME)
    };
    // What a name has; a name that is not here is NXDOMAIN.
    std::map<std::string, std::vector<Record>> zone;
    std::map<std::string, int> rcode;  // 2: SERVFAIL; -1: no answer at all; -2: rubbish
    std::atomic<int> asked{0};

    DnsServer() {
        fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at);
        socklen_t size = sizeof at;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
        port_ = ntohs(at.sin_port);
    }
    ~DnsServer() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
        ::close(fd_);
    }
    // From here on the zone is the thread's.
    std::string start() {
        thread_ = std::thread([this] { serve(); });
        return "127.0.0.1:" + std::to_string(port_);
    }

  private:
    static void number(std::string& into, unsigned value) {
        into += static_cast<char>(value >> 8);
        into += static_cast<char>(value);
    }
    static std::string name(const std::string& text) {
        std::string wire;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t dot = std::min(text.find('.', at), text.size());
            wire += static_cast<char>(dot - at);
            wire += text.substr(at, dot - at);
            at = dot + 1;
        }
        return wire + '\0';
    }
    static std::string data_of(const Record& record) {
        std::string data;
        char address[16];
        if (record.type == a || record.type == aaaa) {
            ::inet_pton(record.type == a ? AF_INET : AF_INET6, record.data.c_str(), address);
            return std::string(address, record.type == a ? 4 : 16);
        }
        for (std::size_t at = 0; record.type == txt && at < record.data.size(); at += 255) {
            const std::string piece = record.data.substr(at, 255);
            data += static_cast<char>(piece.size()) + piece;
        }
        if (record.type == txt) return data;
        if (record.type == mx) number(data, record.preference);
        return data + name(record.data);
    }

    std::string answer(const std::string& query) {
        std::string text;
        std::size_t at = 12;
        while (at < query.size() && query[at] != 0) {
            if (!text.empty()) text += '.';
            const auto length = static_cast<unsigned char>(query[at]);
            text += query.substr(at + 1, length);
            at += 1u + length;
        }
        for (char& c : text) c = static_cast<char>(std::tolower(c));
        const int type = static_cast<unsigned char>(query.at(at + 2));
        ++asked;
        const auto found = zone.find(text);
        int code = rcode.contains(text) ? rcode[text] : found == zone.end() ? 3 : 0;
        if (code == -1) return {};
        if (code == -2) return query.substr(0, 2) + std::string("\x81\x80\0\1\0\5\0\0\0\0", 10) +
                               query.substr(12, at + 5 - 12) + "\xc0\xff\x0f";
        std::string records;
        unsigned count = 0;
        for (const Record& r : code == 0 ? found->second : std::vector<Record>()) {
            if (r.type != type && r.type != cname) continue;
            ++count;
            records += name(r.owner.empty() ? text : r.owner);
            number(records, r.type);
            number(records, 1);
            records += std::string("\0\0\0\x3c", 4);
            const std::string data = data_of(r);
            number(records, static_cast<unsigned>(data.size()));
            records += data;
        }
        std::string reply = query.substr(0, 2);
        number(reply, 0x8180u | static_cast<unsigned>(code));
        number(reply, 1);
        number(reply, count);
        reply += std::string(4, '\0') + query.substr(12, at + 5 - 12) + records;
        return reply;
    }

    void serve() {
        while (!stop_) {
            pollfd wait{fd_, POLLIN, 0};
            if (::poll(&wait, 1, 50) <= 0) continue;
            char octets[2048];
            sockaddr_in from{};
            socklen_t size = sizeof from;
            const ssize_t n = ::recvfrom(fd_, octets, sizeof octets, 0,
                                         reinterpret_cast<sockaddr*>(&from), &size);
            if (n < 17) continue;
            const std::string reply = answer(std::string(octets, static_cast<std::size_t>(n)));
            if (!reply.empty())
                ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from),
                         size);
        }
    }

    int fd_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};
