// A disk in front of another that counts looks and fails them: what the configuration's tests need.
#pragma once

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "disk/interface.hpp"

namespace mailhandler::test {

class LookingDisk final : public disk::Disk {
  public:
    explicit LookingDisk(disk::Disk& below) : below_(below) {}

    std::string unreadable;  // a path that status() and names() cannot look at: EIO
    std::string unopenable;  // a path that open() has no descriptor for: EMFILE
    std::size_t looks = 0, opened = 0, listings = 0;

    Result<std::unique_ptr<disk::File>> create(const std::string& path, unsigned mode) override {
        return below_.create(path, mode);
    }
    Result<std::unique_ptr<disk::File>> append(const std::string& path, unsigned mode) override {
        return below_.append(path, mode);
    }
    Result<std::unique_ptr<disk::File>> open(const std::string& path) override {
        ++opened;
        if (path == unopenable) return fail_errno(path, "cannot open", EMFILE);
        return below_.open(path);
    }
    Result<std::unique_ptr<disk::File>> overwrite(const std::string& path) override {
        return below_.overwrite(path);
    }
    Result<std::unique_ptr<disk::File>> scratch(const std::string& directory) override {
        return below_.scratch(directory);
    }
    Result<> rename(const std::string& from, const std::string& to) override {
        return below_.rename(from, to);
    }
    std::uint64_t run() const override { return below_.run(); }
    Result<> rename_new(const std::string& from, const std::string& to) override {
        return below_.rename_new(from, to);
    }
    Result<> link(const std::string& from, const std::string& to) override {
        return below_.link(from, to);
    }
    Result<> remove(const std::string& path) override { return below_.remove(path); }
    Result<> sync_directory(const std::string& path) override {
        return below_.sync_directory(path);
    }
    Result<> make_directory(const std::string& path, unsigned mode) override {
        return below_.make_directory(path, mode);
    }
    Result<disk::Names> names(const std::string& path) override {
        ++listings;
        if (path == unreadable) return fail_errno(path, "cannot open", EIO);
        return below_.names(path);
    }
    Result<disk::Status> status(const std::string& path) override {
        ++looks;
        if (path == unreadable) return fail_errno(path, "cannot stat", EIO);
        return below_.status(path);
    }
    Result<std::unique_ptr<disk::Lock>> lock(const std::string& path, bool wait) override {
        return below_.lock(path, wait);
    }

  private:
    disk::Disk& below_;
};

}  // namespace mailhandler::test
