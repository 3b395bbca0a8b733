// The copies of collected messages on their way: into .stage/ and, once the ledger has noted them,
// to where they go (steps 1 and 3 of store/ledger.hpp). Only for store/ledger.
//
// A copy is in .stage/ or where it goes, and never twice, because a rename between directories is
// one step for the journal of the file system (ext4, xfs, btrfs; not promised by POSIX). Where both
// names survive, the second rename is of the same content to the same name. The content of a copy
// and its entry in .stage/ are durable when write() returns, so "not there" can only mean
// "renamed".
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "disk/interface.hpp"
#include "store/layout.hpp"
#include "store/ledger.hpp"
#include "store/ledger_book.hpp"

namespace mailhandler::store {

class Staging {
  public:
    // Messages with where each of their copies lies and goes.
    using Staged = std::vector<std::pair<MessageId, LedgerBook::Entry>>;

    // Stage files bear the name of the account: others' lie in the same directories.
    Staging(disk::Disk& disk, const Layout& layout, const Account& account);

    // Step 1: all copies of the batch, durable in .stage/. Messages without copies are not in what
    // it returns. After a fault some files may lie there: sweep() removes them, or the next batch
    // that wants their names.
    Result<Staged> write(const std::vector<Collected>& batch);

    // Step 3: puts each copy where it goes, durably; what is there already stays as it is.
    Result<> place(const Staged& staged);

    // Removes all stage files of the account. To be called when none of them is noted.
    void sweep();

  private:
    using Files = std::vector<std::unique_ptr<disk::File>>;
    Result<> prepare_stage(const std::string& directory);
    Result<std::unique_ptr<disk::File>> create(const Copy& copy, const std::string& path);
    Result<> write_copy(const Copy& copy, const std::string& path, Files& unsynced);
    Result<> sync(Files& files, const std::set<std::string>& directories);

    Result<> prepare_target(const std::string& directory);
    Result<> rename(const Move& move);
    Result<> sync_targets(std::set<std::string> directories);

    disk::Disk& disk_;
    const std::string mail_dir_;
    const std::string tag_;           // this account's stage files begin with it
    std::set<std::string> prepared_;  // directories known to be there and durable
};

}  // namespace mailhandler::store
