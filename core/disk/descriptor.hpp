// A file descriptor as a value, and the system calls that may be interrupted. Only for this room.
#pragma once

#include <cerrno>
#include <unistd.h>
#include <utility>

namespace mailhandler::disk {

class Descriptor {
  public:
    explicit Descriptor(int number = -1) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    // close(2) is not tried again after EINTR: on Linux the number is free by then.
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }

    int number() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }

  private:
    int number_;
};

// Calls until it is not interrupted by a signal.
template <class Call>
auto uninterrupted(Call call) {
    for (;;) {
        const auto result = call();
        if (result != -1 || errno != EINTR) return result;
    }
}

}  // namespace mailhandler::disk
