// A directory of the real disk that is gone with its owner.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "disk/interface.hpp"

namespace mailhandler::test {

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        const char* base = std::getenv("TMPDIR");
        path_ = std::string(base ? base : "/tmp") + "/mailhandler.XXXXXX";
        if (!::mkdtemp(path_.data())) throw std::runtime_error("no temporary directory");
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() { (void)disk::remove_tree(*disk::system_disk(), path_); }

    const std::string& path() const { return path_; }
    std::string operator/(const std::string& below) const { return path_ + '/' + below; }

  private:
    std::string path_;
};

}  // namespace mailhandler::test
