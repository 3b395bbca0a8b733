// The least that an IMAP server has to do before it answers the first SELECT of a mailbox, without a server:
//
//     bare_list MAILDIR
//
// Lists new/ and cur/, sorts the names, writes them with UIDs into one new file, syncs that and its
// directory. Prints the milliseconds of it all, and how many names there were; the file is removed again.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

void add_names(const std::string& directory, std::string& names, std::vector<std::size_t>& begins) {
    DIR* open = opendir(directory.c_str());
    if (!open) return;
    while (const dirent* entry = readdir(open)) {
        if (entry->d_name[0] == '.') continue;
        begins.push_back(names.size());
        names.append(entry->d_name, std::strlen(entry->d_name) + 1);
    }
    closedir(open);
}

std::string list_of(const std::vector<std::string_view>& names) {
    std::string text = "3 V1795411214 N1 G0\n";
    std::size_t uid = 0;
    for (const std::string_view name : names) {
        char number[20];
        text.append(number, std::to_chars(number, number + sizeof number, ++uid).ptr);
        text.append(" :").append(name) += '\n';
    }
    return text;
}

bool store(const std::string& maildir, const std::string& text) {
    const std::string path = maildir + "/bare-list";
    const int file = open((path + ".new").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const bool done = written && rename((path + ".new").c_str(), path.c_str()) == 0 && fdatasync(file) == 0;
    close(file);
    const int directory = open(maildir.c_str(), O_RDONLY | O_DIRECTORY);
    const bool synced = fsync(directory) == 0;
    close(directory);
    return done && synced;
}

}  // namespace

int main(int count, char** words) {
    if (count != 2) return 2;
    const std::string maildir = words[1];
    const auto began = std::chrono::steady_clock::now();
    std::string names;
    std::vector<std::size_t> begins;
    for (const char* part : {"/new", "/cur"}) add_names(maildir + part, names, begins);
    std::vector<std::string_view> sorted;
    for (const std::size_t begin : begins) sorted.emplace_back(names.data() + begin);
    std::sort(sorted.begin(), sorted.end());
    const bool done = store(maildir, list_of(sorted));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    std::printf("%.3f %zu\n", took.count(), sorted.size());
    unlink((maildir + "/bare-list").c_str());
    return done ? 0 : 1;
}
