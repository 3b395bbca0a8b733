// A disk in memory that forgets what was not synced, and can be cut or broken at any step.
//
// It keeps apart what is cached and what is durable: the content of each file, and each change of each
// directory (a rename between two directories is two changes). A *step* is a call that changes or
// syncs something; reading is none. The usual test:
//
//     ForgetfulDisk disk;  run(disk);  const auto steps = disk.steps();      // how many there are
//     for (step = 1 … steps) {
//         ForgetfulDisk cut;  cut.cut_at(step);  run(cut);                    // fails on the way
//         cut.crash(Survives::synced);  check(cut);                          // what is left
//     }
//
// After a cut nothing has any effect until crash() or kill(), which stand for the next start; files
// and locks from before stay dead. Safe from several threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "disk/interface.hpp"

namespace mailhandler::test {

// What a power cut leaves of what was not synced.
enum class Survives {
    synced,   // none of it
    entries,  // every change of a directory, but no content
    some,     // by a seed: each change or not; content whole, cut short, or garbage; what was written
              // over, all of it, none or a part
    journal,  // by a seed, as ext4 does: all changes of directories up to one of them, in order, a
              // rename as one; content as above
};

class ForgetfulDisk final : public disk::Disk {
  public:
    ForgetfulDisk();
    ~ForgetfulDisk() override;

    // --- faults; steps count from 1 -------------------------------------------------------
    std::size_t steps() const;               // so far
    void fail_at(std::size_t step, int error);  // that one step; a write is left half done, and a
                                                // file whose sync failed loses what it had cached
    void cut_at(std::size_t step);           // that step (a write: half) and all after it
    bool is_cut() const;
    std::string step_name(std::size_t step) const;  // "rename /a /b", for INFO()

    void crash(Survives survives = Survives::synced, std::uint32_t seed = 0);  // power cut
    void kill();  // SIGKILL: what is cached stays, locks and open files go

    // --- saboteurs: a disk that lies ------------------------------------------------------
    void lie_about_file_sync();       // says yes, does nothing
    void lie_about_directory_sync();

    // --- observation ----------------------------------------------------------------------
    void take_time(std::chrono::microseconds each_sync);  // so that threads meet
    std::size_t file_syncs() const;
    std::size_t directory_syncs(const std::string& path) const;
    void set_time(WallTime now);  // modification times from now on
    // Every file's path and content, as it is cached.
    std::map<std::string, std::string> files() const;

    Result<std::unique_ptr<disk::File>> create(const std::string& path, unsigned mode) override;
    Result<std::unique_ptr<disk::File>> append(const std::string& path, unsigned mode) override;
    Result<std::unique_ptr<disk::File>> open(const std::string& path) override;
    Result<std::unique_ptr<disk::File>> overwrite(const std::string& path) override;
    Result<std::unique_ptr<disk::File>> scratch(const std::string& directory) override;
    Result<> rename(const std::string& from, const std::string& to) override;
    Result<> rename_new(const std::string& from, const std::string& to) override;
    Result<> link(const std::string& from, const std::string& to) override;
    Result<> remove(const std::string& path) override;
    Result<> sync_directory(const std::string& path) override;
    Result<> make_directory(const std::string& path, unsigned mode) override;
    Result<disk::Names> names(const std::string& path) override;
    Result<disk::Status> status(const std::string& path) override;
    Result<std::unique_ptr<disk::Lock>> lock(const std::string& path, bool wait) override;
    // Another after each crash(), not after kill().
    std::uint64_t run() const override;

  private:
    friend class ForgetfulFile;
    friend class ForgetfulLock;
    struct Node;
    using NodePointer = std::shared_ptr<Node>;
    struct Place;
    struct Crash;

    int step(std::string name);  // counts; errno when the step is to fail
    bool dead(std::uint64_t generation) const;
    NodePointer make_node(disk::Kind kind, unsigned mode);
    NodePointer find(const std::string& path) const;
    Result<Place> place(const std::string& path) const;
    void change(Node& directory, const std::string& name, NodePointer node, std::uint64_t number);
    Result<std::unique_ptr<disk::File>> make_file(const std::string& path, unsigned mode);
    Result<> move(const std::string& from, const std::string& to, bool replace);
    void restart();

    mutable std::mutex mutex_;
    NodePointer root_;
    std::vector<std::string> trace_;
    std::map<std::size_t, int> failures_;
    std::size_t cut_at_ = 0;
    bool cut_ = false, lying_files_ = false, lying_directories_ = false;
    std::uint64_t generation_ = 0, inodes_ = 0, changes_ = 0, synced_ = 0, run_ = 1;
    std::chrono::microseconds sync_time_{0};
    std::size_t file_syncs_ = 0;
    std::map<std::string, std::size_t> directory_syncs_;
    std::set<std::string> locks_;
    WallTime now_{std::chrono::seconds(1'795'411'214)};
};

}  // namespace mailhandler::test
