// edit_tool FILE < EDITS: the edited text of FILE on standard output, for tests/config/run_edits.py.
//
// An edit is a JSON line: {"set": ["alias", "info"], "to": ["anne"]}, {"unset": [...]}, {"make":
// [...]}; a date is {"date": "2027-05-01"}. Without FILE, each line of standard input is one case,
// {"text": ..., "edits": [...]}, and each line of output its answer: {"text": ...} or {"error": ...}.
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "config/edit.hpp"

using namespace mailhandler;
using namespace mailhandler::config;
using nlohmann::json;

namespace {

Value value_of(const json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>();
    if (value.is_number()) return value.get<std::int64_t>();
    if (value.is_array()) return value.get<std::vector<std::string>>();
    const std::string date = value.at("date");
    return Date(std::chrono::year(std::stoi(date.substr(0, 4))) /
                std::chrono::month(static_cast<unsigned>(std::stoi(date.substr(5, 2)))) /
                std::chrono::day(static_cast<unsigned>(std::stoi(date.substr(8, 2)))));
}

Change change_of(const json& edit) {
    if (edit.contains("set")) return Set{edit["set"].get<KeyPath>(), value_of(edit["to"])};
    if (edit.contains("make")) return Make{edit["make"].get<KeyPath>()};
    return Unset{edit.at("unset").get<KeyPath>()};
}

std::vector<Change> changes_of(const json& edits) {
    std::vector<Change> changes;
    for (const json& one : edits) changes.push_back(change_of(one));
    return changes;
}

int one_file(const char* name) {
    std::ifstream in(name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::vector<Change> changes;
    for (std::string line; std::getline(std::cin, line);) changes.push_back(change_of(json::parse(line)));
    const auto after = edit(text, changes, name);
    if (!after) {
        std::cerr << after.error().text() << '\n';
        return 1;
    }
    std::cout << *after;
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1) return one_file(argv[1]);
    for (std::string line; std::getline(std::cin, line);) {
        const json request = json::parse(line);
        const std::string text = request.at("text");
        const auto after = edit(text, changes_of(request.at("edits")), "case.toml");
        json answer;
        if (after)
            answer = {{"text", *after}, {"diff", difference(text, *after, "case.toml")}};
        else
            answer = {{"error", after.error().text()}};
        std::cout << answer.dump() << '\n' << std::flush;
    }
}
