#include "agent/fetch_files.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "store/layout.hpp"

namespace mailhandler::agent {

// False: nothing is another now.
bool FetchFiles::load(const std::string& name, File& file) {
    const auto status = disk_.status(store::Layout(root_).fetch_file(name));
    if (!status) return false;  // looked at again next time
    if (file.size == status->size && file.inode == status->inode &&
        file.modified == status->modified)
        return false;
    file.size = status->size;
    file.inode = status->inode;
    file.modified = status->modified;
    auto loaded = config::load_fetch(disk_, root_, name);
    for (const config::Problem& problem : loaded.problems) {
        if (problem.error)
            log_.error(problem.show());
        else
            log_.warning(problem.show());
    }
    if (!loaded.ok()) {
        if (file.fetch)
            log_.warning(fmt::format(
                "fetch/{}.toml cannot be loaded; its last version stays in force", name));
        return false;
    }
    if (file.fetch) log_.info(fmt::format("fetch/{}.toml: new version in force", name));
    file.fetch = std::make_shared<const config::Fetch>(std::move(*loaded.value));
    return true;
}

std::optional<FetchFiles::List> FetchFiles::refresh() {
    const auto listed = disk_.list(store::Layout(root_).fetch_dir());
    if (!listed && listed.error().error != ENOENT) {
        log_.warning(listed.error().text());
        return {};
    }
    const config::Names found = config::fetch_names(disk_, root_);
    bool changed = false;
    for (const std::string& name : found.names) changed |= load(name, files_[name]);
    changed |= std::erase_if(files_, [&](const auto& entry) {
        const bool gone = std::find(found.names.begin(), found.names.end(), entry.first) ==
                          found.names.end();
        if (gone) log_.info(fmt::format("fetch/{}.toml: removed", entry.first));
        return gone;
    }) != 0;
    if (!changed) return {};
    List list;
    for (const auto& [name, file] : files_)
        if (file.fetch) list.push_back(file.fetch);
    return list;
}

}  // namespace mailhandler::agent
