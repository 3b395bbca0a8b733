#include "support/forgetful_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>

#include "support/forgetful_node.hpp"

namespace mailhandler::test {

using disk::Kind;

struct ForgetfulDisk::Place {
    NodePointer directory;
    std::string name;
};

class ForgetfulFile final : public disk::File {
  public:
    // With `over`, what is written goes over what is there.
    ForgetfulFile(ForgetfulDisk& disk, ForgetfulDisk::NodePointer node, std::string path,
                  bool over = false)
        : disk_(disk), node_(std::move(node)), path_(std::move(path)),
          generation_(disk.generation_) {
        if (over) at_ = 0;
    }

    using File::write;
    Result<> write(std::span<const std::string_view> parts) override {
        std::string text;
        for (const std::string_view part : parts) text += part;
        const std::scoped_lock guard(disk_.mutex_);
        return append_text(text);
    }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
        const std::scoped_lock guard(disk_.mutex_);
        if (disk_.dead(generation_)) return fail_errno(path_, "cannot read", EIO);
        const std::size_t begin = std::min<std::uint64_t>(offset, node_->data.size());
        return node_->data.copy(into, size, begin);
    }
    Result<> append_from(File& source, std::uint64_t offset, std::uint64_t length) override {
        std::string text(length, '\0');
        const auto got = source.read_at(offset, text.data(), length);
        if (!got) return tl::unexpected(got.error());
        if (*got < length) return fail(path_, "the source is shorter than it should be");
        const std::scoped_lock guard(disk_.mutex_);
        return append_text(text);
    }
    Result<> sync() override;
    Result<> truncate(std::uint64_t size) override {
        const std::scoped_lock guard(disk_.mutex_);
        if (const int error = begin("truncate")) return fail_errno(path_, "cannot cut", error);
        node_->data.resize(size);
        return {};
    }
    Result<> set_modified(WallTime when) override {
        const std::scoped_lock guard(disk_.mutex_);
        if (disk_.dead(generation_)) return fail_errno(path_, "cannot date", EIO);
        node_->modified = when;
        return {};
    }
    Result<std::uint64_t> size() override {
        const std::scoped_lock guard(disk_.mutex_);
        if (disk_.dead(generation_)) return fail_errno(path_, "cannot stat", EIO);
        return node_->data.size();
    }

  private:
    int begin(const std::string& what) {
        if (disk_.generation_ != generation_) return EIO;
        return disk_.step(what + ' ' + path_);
    }
    Result<> append_text(std::string_view text) {
        const bool alive = !disk_.dead(generation_);
        const int error = begin("write");
        if (error) text = alive ? text.substr(0, text.size() / 2) : std::string_view();
        if (at_) {
            const std::size_t covered = std::min(text.size(), node_->data.size() - *at_);
            node_->data.replace(*at_, covered, text);
            *at_ += text.size();
        } else {
            node_->data += text;
        }
        node_->modified = disk_.now_;
        if (error) return fail_errno(path_, "cannot write", error);
        return {};
    }

    ForgetfulDisk& disk_;
    ForgetfulDisk::NodePointer node_;
    std::string path_;
    std::uint64_t generation_;
    std::optional<std::size_t> at_;  // where writing over goes on
};

Result<> ForgetfulFile::sync() {
    std::unique_lock guard(disk_.mutex_);
    const int error = begin("sync");
    if (error) {
        node_->dropped = !disk_.cut_;  // a cut is a power cut, not a fault of the disk's
        return fail_errno(path_, "cannot sync", error);
    }
    const std::string begun = node_->data;
    if (disk_.sync_time_.count() > 0) {
        guard.unlock();
        std::this_thread::sleep_for(disk_.sync_time_);
        guard.lock();
    }
    ++disk_.file_syncs_;
    if (!disk_.lying_files_ && !node_->dropped) node_->durable = begun;
    return {};
}

class ForgetfulLock final : public disk::Lock {
  public:
    ForgetfulLock(ForgetfulDisk& disk, std::string path)
        : disk_(disk), path_(std::move(path)), generation_(disk.generation_) {}
    ~ForgetfulLock() override {
        const std::scoped_lock guard(disk_.mutex_);
        if (disk_.generation_ == generation_) disk_.locks_.erase(path_);
    }

  private:
    ForgetfulDisk& disk_;
    std::string path_;
    std::uint64_t generation_;
};

ForgetfulDisk::ForgetfulDisk() : root_(make_node(Kind::directory, 0700)) {}
ForgetfulDisk::~ForgetfulDisk() = default;

int ForgetfulDisk::step(std::string name) {
    if (cut_) return EIO;
    trace_.push_back(std::move(name));
    if (cut_at_ != 0 && trace_.size() >= cut_at_) {
        cut_ = true;
        return EIO;
    }
    const auto failure = failures_.find(trace_.size());
    return failure == failures_.end() ? 0 : failure->second;
}

bool ForgetfulDisk::dead(std::uint64_t generation) const {
    return cut_ || generation != generation_;
}

ForgetfulDisk::NodePointer ForgetfulDisk::make_node(Kind kind, unsigned mode) {
    auto node = std::make_shared<Node>();
    node->kind = kind;
    node->mode = mode;
    node->inode = ++inodes_;
    node->modified = now_;
    return node;
}

ForgetfulDisk::NodePointer ForgetfulDisk::find(const std::string& path) const {
    NodePointer at = root_;
    for (std::size_t begin = 0; begin < path.size() && at;) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string name = path.substr(begin, end - begin);
        begin = end + 1;
        if (name.empty() || name == ".") continue;
        const auto entry = at->entries.find(name);
        at = entry == at->entries.end() ? nullptr : entry->second;
    }
    return at;
}

Result<ForgetfulDisk::Place> ForgetfulDisk::place(const std::string& path) const {
    std::string name = disk::file_name(path);
    NodePointer directory = find(disk::parent_path(path));
    if (!directory) return fail_errno(path, "cannot find", ENOENT);
    if (directory->kind != Kind::directory) return fail_errno(path, "cannot find", ENOTDIR);
    if (name.size() > 255) return fail_errno(path, "cannot find", ENAMETOOLONG);
    if (path.find('\0') != path.npos) return fail_errno(path, "cannot find", EINVAL);
    return Place{std::move(directory), std::move(name)};
}

void ForgetfulDisk::change(Node& directory, const std::string& name, NodePointer node,
                           std::uint64_t number) {
    directory.pending.push_back({number, {{name, std::move(node)}}});
    Node::apply(directory.entries, directory.pending.back());
    directory.modified = now_;
}

Result<std::unique_ptr<disk::File>> ForgetfulDisk::make_file(const std::string& path,
                                                             unsigned mode) {
    const auto where = place(path);
    if (!where) return tl::unexpected(where.error());
    if (const int error = step("create " + path)) return fail_errno(path, "cannot create", error);
    const NodePointer node = make_node(Kind::file, mode);
    change(*where->directory, where->name, node, ++changes_);
    return std::make_unique<ForgetfulFile>(*this, node, path);
}

Result<std::unique_ptr<disk::File>> ForgetfulDisk::create(const std::string& path, unsigned mode) {
    const std::scoped_lock guard(mutex_);
    if (cut_) return fail_errno(path, "cannot create", EIO);
    if (find(path)) return fail_errno(path, "cannot create", EEXIST);
    return make_file(path, mode);
}

Result<std::unique_ptr<disk::File>> ForgetfulDisk::append(const std::string& path, unsigned mode) {
    const std::scoped_lock guard(mutex_);
    if (cut_) return fail_errno(path, "cannot open", EIO);
    const NodePointer node = find(path);
    if (!node) return make_file(path, mode);
    if (node->kind == Kind::directory) return fail_errno(path, "cannot open", EISDIR);
    return std::make_unique<ForgetfulFile>(*this, node, path);
}

Result<std::unique_ptr<disk::File>> ForgetfulDisk::open(const std::string& path) {
    const std::scoped_lock guard(mutex_);
    if (cut_) return fail_errno(path, "cannot open", EIO);
    const NodePointer node = find(path);
    if (!node) return fail_errno(path, "cannot open", ENOENT);
    return std::make_unique<ForgetfulFile>(*this, node, path);
}

Result<std::unique_ptr<disk::File>> ForgetfulDisk::overwrite(const std::string& path) {
    const std::scoped_lock guard(mutex_);
    if (cut_) return fail_errno(path, "cannot open", EIO);
    const NodePointer node = find(path);
    if (!node) return fail_errno(path, "cannot open", ENOENT);
    return std::make_unique<ForgetfulFile>(*this, node, path, true);
}

Result<std::unique_ptr<disk::File>> ForgetfulDisk::scratch(const std::string& directory) {
    const std::scoped_lock guard(mutex_);
    if (!cut_ && !find(directory)) return fail_errno(directory, "cannot create in", ENOENT);
    if (const int error = step("scratch " + directory)) {
        return fail_errno(directory, "cannot create in", error);
    }
    return std::make_unique<ForgetfulFile>(*this, make_node(Kind::file, 0600), directory);
}

Result<> ForgetfulDisk::move(const std::string& from, const std::string& to, bool replace) {
    const std::scoped_lock guard(mutex_);
    if (cut_) return fail_errno(to, "cannot rename to it", EIO);
    const auto source = place(from), target = place(to);
    if (!source) return tl::unexpected(source.error());
    if (!target) return tl::unexpected(target.error());
    const NodePointer node = find(from), there = find(to);
    if (!node) return fail_errno(to, "cannot rename to it", ENOENT);
    if (there && !replace) return fail_errno(to, "cannot rename to it", EEXIST);
    if (there && there->kind == Kind::directory && !there->entries.empty()) {
        return fail_errno(to, "cannot rename to it", ENOTEMPTY);
    }
    if (const int error = step("rename " + from + ' ' + to)) {
        return fail_errno(to, "cannot rename to it", error);
    }
    if (source->directory == target->directory) {
        Node& directory = *source->directory;
        directory.pending.push_back(
            {++changes_, {{source->name, nullptr}, {target->name, node}}});
        Node::apply(directory.entries, directory.pending.back());
        directory.modified = now_;
    } else {
        const std::uint64_t number = ++changes_;
        change(*source->directory, source->name, nullptr, number);
        change(*target->directory, target->name, node, number);
    }
    return {};
}

Result<> ForgetfulDisk::rename(const std::string& from, const std::string& to) {
    return move(from, to, true);
}

Result<> ForgetfulDisk::rename_new(const std::string& from, const std::string& to) {
    return move(from, to, false);
}

Result<> ForgetfulDisk::link(const std::string& from, const std::string& to) {
    const std::scoped_lock guard(mutex_);
    if (cut_) return fail_errno(to, "cannot link to it", EIO);
    const auto target = place(to);
    const NodePointer node = find(from);
    if (!target) return tl::unexpected(target.error());
    if (!node) return fail_errno(to, "cannot link to it", ENOENT);
    if (node->kind != Kind::file) return fail_errno(to, "cannot link to it", EPERM);
    if (find(to)) return fail_errno(to, "cannot link to it", EEXIST);
    if (const int error = step("link " + from + ' ' + to))
        return fail_errno(to, "cannot link to it", error);
    change(*target->directory, target->name, node, ++changes_);
    return {};
}

Result<> ForgetfulDisk::remove(const std::string& path) {
    const std::scoped_lock guard(mutex_);
    const auto where = place(path);
    const NodePointer node = find(path);
    if (!cut_ && !node) return fail_errno(path, "cannot remove", ENOENT);
    if (!cut_ && node->kind == Kind::directory && !node->entries.empty()) {
        return fail_errno(path, "cannot remove", ENOTEMPTY);
    }
    if (const int error = step("remove " + path)) return fail_errno(path, "cannot remove", error);
    change(*where->directory, where->name, nullptr, ++changes_);
    return {};
}

Result<> ForgetfulDisk::sync_directory(const std::string& path) {
    std::unique_lock guard(mutex_);
    const NodePointer node = find(path);
    if (!cut_ && !node) return fail_errno(path, "cannot open", ENOENT);
    if (const int error = step("sync_directory " + path)) {
        return fail_errno(path, "cannot sync", error);
    }
    // What changes while the sync runs is not part of it.
    const std::uint64_t begun = changes_;
    if (sync_time_.count() > 0) {
        guard.unlock();
        std::this_thread::sleep_for(sync_time_);
        guard.lock();
    }
    ++directory_syncs_[path];
    if (lying_directories_) return {};
    synced_ = std::max(synced_, begun);
    auto& pending = node->pending;
    while (!pending.empty() && pending.front().number <= begun) {
        Node::apply(node->durable_entries, pending.front());
        pending.erase(pending.begin());
    }
    return {};
}

Result<> ForgetfulDisk::make_directory(const std::string& path, unsigned mode) {
    const std::scoped_lock guard(mutex_);
    if (!cut_ && find(path)) return {};
    const auto where = place(path);
    if (!cut_ && !where) return tl::unexpected(where.error());
    if (const int error = step("make_directory " + path)) {
        return fail_errno(path, "cannot make directory", error);
    }
    change(*where->directory, where->name, make_node(Kind::directory, mode), ++changes_);
    return {};
}

Result<disk::Names> ForgetfulDisk::names(const std::string& path) {
    const std::scoped_lock guard(mutex_);
    const NodePointer node = find(path);
    if (cut_) return fail_errno(path, "cannot open", EIO);
    if (!node) return fail_errno(path, "cannot open", ENOENT);
    if (node->kind != Kind::directory) return fail_errno(path, "cannot open", ENOTDIR);
    disk::Names names;
    for (const auto& [name, entry] : node->entries) names.add_copy(name, entry->kind);
    return names;
}

Result<disk::Status> ForgetfulDisk::status(const std::string& path) {
    const std::scoped_lock guard(mutex_);
    const NodePointer node = find(path);
    if (cut_) return fail_errno(path, "cannot stat", EIO);
    if (!node) return fail_errno(path, "cannot stat", ENOENT);
    return disk::Status{node->kind, node->data.size(), node->modified, node->inode, node->mode};
}

Result<std::unique_ptr<disk::Lock>> ForgetfulDisk::lock(const std::string& path, bool) {
    auto file = append(path, 0600);
    if (!file) return tl::unexpected(file.error());
    const std::scoped_lock guard(mutex_);
    if (!locks_.insert(path).second) return fail_errno(path, "cannot lock", EWOULDBLOCK);
    return std::make_unique<ForgetfulLock>(*this, path);
}

}  // namespace mailhandler::test
