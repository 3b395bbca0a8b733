#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/interface.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace mailhandler::disk;
using mailhandler::test::TemporaryDirectory;

TEST_CASE("What is written in many parts is read back whole") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    std::vector<std::string> texts;
    std::string whole;
    for (int part = 0; part < 300; ++part) {
        texts.push_back(std::string(part % 7, static_cast<char>('a' + part % 26)));
        whole += texts.back();
    }
    const std::vector<std::string_view> parts(texts.begin(), texts.end());
    {
        auto file = disk->create(directory / "a");
        REQUIRE(file);
        REQUIRE((*file)->write(parts));
        REQUIRE((*file)->sync());
        CHECK((*file)->size().value() == whole.size());
    }
    CHECK(read_file(*disk, directory / "a").value() == whole);
    CHECK(disk->create(directory / "a").error().error == EEXIST);
    CHECK(read_file(*disk, directory / "a", 5).error().error == EFBIG);
}

TEST_CASE("Appending goes on where the last writer stopped, also after a cut") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    REQUIRE(disk->append(directory / "log").value()->write("one\ntw"));
    auto file = disk->append(directory / "log").value();
    REQUIRE(file->truncate(4));
    REQUIRE(file->write("three\n"));
    CHECK(read_file(*disk, directory / "log").value() == "one\nthree\n");
}

TEST_CASE("A range of another file is appended, whether the kernel copies it or we do") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    const std::string big(700'000, 'x');
    auto source = disk->scratch(directory.path()).value();
    REQUIRE(source->write("head" + big + "tail"));
    auto created = disk->create(directory / "kernel").value();
    auto appended = disk->append(directory / "ours").value();  // O_APPEND: no copy_file_range
    REQUIRE(created->append_from(*source, 4, big.size()));
    REQUIRE(appended->append_from(*source, 4, big.size()));
    CHECK(read_file(*disk, directory / "kernel").value() == big);
    CHECK(read_file(*disk, directory / "ours").value() == big);
    CHECK_FALSE(created->append_from(*source, 0, 800'000));
}

TEST_CASE("A scratch file has no name") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    auto file = disk->scratch(directory.path());
    REQUIRE(file);
    CHECK(disk->list(directory.path()).value().empty());
}

TEST_CASE("Renaming as new never replaces") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    REQUIRE(replace_file(*disk, directory / "a", "a"));
    REQUIRE(replace_file(*disk, directory / "b", "b"));
    CHECK(disk->rename_new(directory / "a", directory / "b").error().error == EEXIST);
    REQUIRE(disk->rename_new(directory / "a", directory / "c"));
    REQUIRE(disk->rename(directory / "c", directory / "b"));
    CHECK(read_file(*disk, directory / "b").value() == "a");
}

TEST_CASE("Replacing a file leaves one file with the mode asked for") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    ::umask(022);
    REQUIRE(replace_file(*disk, directory / "x.toml", "old", 0640));
    REQUIRE(replace_file(*disk, directory / "x.toml", "new", 0640));
    CHECK(disk->list(directory.path()).value().size() == 1);
    CHECK(disk->status(directory / "x.toml").value().mode == 0640);
    CHECK(read_file(*disk, directory / "x.toml").value() == "new");
}

TEST_CASE("A file that is replaced keeps its mode, whatever the umask") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    REQUIRE(replace_file(*disk, directory / "x.toml", "old", 0640));
    REQUIRE(::chmod((directory / "x.toml").c_str(), 0664) == 0);
    ::umask(077);
    REQUIRE(replace_file(*disk, directory / "x.toml", "new", 0600));
    ::umask(022);
    CHECK(disk->status(directory / "x.toml").value().mode == 0664);
}

TEST_CASE("What root replaces or makes stays with whom it belongs to") {
    if (::geteuid() != 0) {
        WARN("only root can give files away: nothing was tested");
        return;
    }
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    const auto owners = [&](const char* name) {
        const auto status = disk->status(directory / name).value();
        return std::pair(status.user, status.group);
    };
    const auto service = std::pair(12345u, 23456u);
    REQUIRE(replace_file(*disk, directory / "old.toml", "old", 0640));
    REQUIRE(::chown((directory / "old.toml").c_str(), 12345, 34567) == 0);
    REQUIRE(replace_file(*disk, directory / "old.toml", "new", 0600));
    CHECK(owners("old.toml") == std::pair(12345u, 34567u));
    CHECK(disk->status(directory / "old.toml").value().mode == 0640);

    REQUIRE(::chown(directory.path().c_str(), 12345, 23456) == 0);
    REQUIRE(replace_file(*disk, directory / "new.toml", "new", 0640));
    CHECK(owners("new.toml") == service);
    REQUIRE(make_directories(*disk, directory / "a/b"));
    CHECK(owners("a") == service);
    CHECK(owners("a/b") == service);
    REQUIRE(disk->lock(directory / "lock", false));
    CHECK(owners("lock") == service);
    REQUIRE(disk->create(directory / "a/b/created"));
    CHECK(owners("a/b/created") == service);
    REQUIRE(disk->append(directory / "appended"));
    CHECK(owners("appended") == service);
}

TEST_CASE("Root gives away what it made, never what stood there or what a link leads to") {
    if (::geteuid() != 0) {
        WARN("only root can give files away: nothing was tested");
        return;
    }
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    REQUIRE(make_directories(*disk, directory / "theirs"));
    REQUIRE(disk->create(directory / "roots"));
    REQUIRE(::chown((directory / "theirs").c_str(), 12345, 23456) == 0);
    for (const char* name : {"linked", "renamed"}) {
        const std::string path = directory / (std::string("theirs/") + name);
        if (name == std::string("linked"))
            REQUIRE(::symlink((directory / "roots").c_str(), path.c_str()) == 0);
        else
            REQUIRE(disk->rename(directory / "roots", path));
        CHECK(disk->create(path).error().error == EEXIST);
        REQUIRE(disk->append(path));
        REQUIRE(disk->lock(path, false));
        struct stat status;
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK(status.st_uid == 0);
    }
    REQUIRE(::symlink("nowhere", (directory / "theirs/dangling").c_str()) == 0);
    CHECK(disk->append(directory / "theirs/dangling").error().error == EEXIST);
    CHECK_FALSE(exists(*disk, directory / "theirs/nowhere"));
}

TEST_CASE("A temporary file that a crash left does not stop a replacement") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    const std::string left = directory / (".x." + std::to_string(::getpid()) + ".0.new");
    REQUIRE(disk->create(left));
    REQUIRE(replace_file(*disk, directory / "x", "new"));
    CHECK(read_file(*disk, directory / "x").value() == "new");
}

TEST_CASE("Directories are made with their parents and removed without following links") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    REQUIRE(make_directories(*disk, directory / "a/b/c"));
    REQUIRE(make_directories(*disk, directory / "a/b/c"));
    REQUIRE(make_directories(*disk, directory / "outside"));
    REQUIRE(replace_file(*disk, directory / "outside/kept", "kept"));
    REQUIRE(::symlink((directory / "outside").c_str(), (directory / "a/b/link").c_str()) == 0);
    const auto entries = disk->list(directory / "a/b").value();
    REQUIRE(entries.size() == 2);
    for (const Entry& entry : entries) {
        CHECK(entry.kind == (entry.name == "link" ? Kind::other : Kind::directory));
    }
    REQUIRE(remove_tree(*disk, directory / "a"));
    CHECK_FALSE(exists(*disk, directory / "a"));
    CHECK(exists(*disk, directory / "outside/kept"));
    REQUIRE(::symlink((directory / "outside").c_str(), (directory / "top").c_str()) == 0);
    REQUIRE(remove_tree(*disk, directory / "top"));
    CHECK(exists(*disk, directory / "outside/kept"));
}

TEST_CASE("A lock that is held is refused at once, and is free when its holder is gone") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    {
        const auto held = disk->lock(directory / "lock", false);
        REQUIRE(held);
        const auto second = disk->lock(directory / "lock", false);
        REQUIRE_FALSE(second);
        CHECK(second.error().error == EWOULDBLOCK);
        CHECK(second.error().temporary);
    }
    CHECK(disk->lock(directory / "lock", false));
}

TEST_CASE("Faults carry errno and whether they may pass") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    const auto missing = disk->open(directory / "none");
    CHECK(missing.error().error == ENOENT);
    CHECK_FALSE(missing.error().temporary);
    CHECK(disk->open(directory / std::string(300, 'x')).error().error == ENAMETOOLONG);
    CHECK(disk->status(directory / "none").error().error == ENOENT);
    CHECK(disk->list(directory / "none").error().error == ENOENT);
    auto full = disk->append("/dev/full").value();
    const auto wrote = full->write("x");
    REQUIRE_FALSE(wrote);
    CHECK(wrote.error().error == ENOSPC);
    CHECK(wrote.error().temporary);
}

TEST_CASE("No descriptors left is a temporary fault") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const int lowest = ::dup(0);
    ::close(lowest);
    const rlimit none{static_cast<rlim_t>(lowest), before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto file = disk->create(directory / "a");
    const auto list = disk->list(directory.path());
    ::setrlimit(RLIMIT_NOFILE, &before);
    REQUIRE_FALSE(file);
    CHECK(file.error().error == EMFILE);
    CHECK(file.error().temporary);
    CHECK_FALSE(list);
}

TEST_CASE("A path is taken apart by its last component") {
    CHECK(parent_path("/a/b/c") == "/a/b");
    CHECK(parent_path("/a") == "/");
    CHECK(parent_path("a") == ".");
    CHECK(file_name("/a/b.c") == "b.c");
}

TEST_CASE("Many files and directories are synced together, and one that cannot be is told") {
    const TemporaryDirectory directory;
    const auto disk = system_disk();
    std::vector<std::unique_ptr<File>> files;
    std::vector<File*> pointers;
    std::vector<std::string> directories{directory.path()};
    for (int each = 0; each < 40; ++each) {
        files.push_back(disk->create(directory / std::to_string(each)).value());
        REQUIRE(files.back()->write("text"));
        pointers.push_back(files.back().get());
    }
    CHECK(disk->sync_together(pointers, directories));
    CHECK(disk->sync_together(std::span(pointers).first(2), {}));
    CHECK(disk->sync_together({}, {}));
    directories.push_back(directory / "nowhere");
    CHECK(disk->sync_together(pointers, directories).error().error == ENOENT);
}

TEST_CASE("All processes of one run of the machine are told the same run") {
    const auto one = disk::system_disk(), other = disk::system_disk();
    CHECK(one->run() == other->run());
    CHECK(one->run() != 0);
}
