// Tells when files change: configuration is picked up within a second.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/inotify.hpp"
#include "net/loop.hpp"

namespace mailhandler::net {

// Watches the entries of directories (not below them) with inotify(7). A directory that does not
// exist yet, or vanishes, is looked for every half second, and all its entries count as changed
// when it appears.
class WatchFiles {
  public:
    // What has changed since the last call: paths, "DIRECTORY/NAME", sorted. A file counts when
    // it was closed after writing, renamed in or out, removed, or its mode changed. Calls come
    // 50 ms after a change, so that an editor's several steps are one. When the kernel lost
    // count (its queue overflowed) every directory itself is named.
    // With `arrivals` only files that were renamed into it count.
    enum class For { everything, arrivals };
    using Changed = std::function<void(const std::vector<std::string>& paths)>;

    static Result<std::unique_ptr<WatchFiles>> open(Loop& loop,
                                                    std::vector<std::string> directories,
                                                    Changed changed,
                                                    For what = For::everything);

    static constexpr std::chrono::milliseconds gather{50};
    static constexpr std::chrono::milliseconds look_every{500};

  private:
    WatchFiles(Loop& loop, std::vector<std::string> directories, Changed changed, For what,
               std::unique_ptr<Inotify> kernel);
    void look_for_directories(bool tell);
    void hear(int id, std::uint32_t mask, const char* name);
    void note(std::string path);
    void again();

    Changed changed_;
    const std::uint32_t interesting_;
    std::unique_ptr<Inotify> kernel_;
    boost::asio::steady_timer gathering_, looking_;
    std::set<std::string> missing_;
    std::map<int, std::string> watched_;
    std::set<std::string> noted_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mailhandler::net
