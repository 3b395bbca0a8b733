#include "support/dialog.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace mailhandler::test {

namespace {

using Fragments = std::map<std::string, std::vector<Step>>;

std::string unescape(const std::string& text) {
    std::string octets;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            octets += text[i];
            continue;
        }
        const char c = text[++i];
        if (c == 'r') octets += '\r';
        if (c == 'n') octets += '\n';
        if (c == '\\') octets += '\\';
        if (c == 'x') {
            octets += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
            i += 2;
        }
        if (c == '(') {
            const std::size_t star = text.find('*', i), end = text.find(')', i);
            if (end == std::string::npos || star > end) throw std::runtime_error("bad \\(N*text)");
            const std::string piece = unescape(text.substr(star + 1, end - star - 1));
            for (int n = std::stoi(text.substr(i + 1)); n > 0; --n) octets += piece;
            i = end;
        }
    }
    return octets;
}

bool begins(const std::string& text, const std::string& with) {
    return text.compare(0, with.size(), with) == 0;
}

// What stands behind "C: ".
std::string rest_of(const std::string& line, std::size_t from = 3) {
    return line.size() > from ? line.substr(from) : std::string();
}

// A line that says or checks something, as a step; false when it is none.
bool read_step(const std::string& line, char we, Step& step) {
    const std::string lower = line.substr(0, 1) == "C" || line.substr(0, 1) == "c" ? "C" : "S";
    if (line.size() > 1 && line[1] == ':' &&
        std::string("CScs").find(line[0]) != std::string::npos) {
        const bool whole_line = line[0] == 'C' || line[0] == 'S';
        step.kind = lower[0] == we ? Step::output : Step::input;
        step.text = unescape(rest_of(line)) + (whole_line ? "\r\n" : "");
        return true;
    }
    static const std::pair<const char*, Step::Kind> words[] = {
        {"Q:", Step::question}, {"Q!", Step::no_question}, {"TLS", Step::tls},
        {"EOF", Step::eof},     {"DRAIN", Step::drain},    {"WAKE", Step::wake},
        {"WAIT", Step::wait},   {"CLOSE", Step::close}};
    for (const auto& [word, kind] : words) {
        if (!begins(line, word)) continue;
        step.kind = kind;
        step.text = rest_of(line, std::string(word).size() + 1);
        return true;
    }
    return false;
}

void read_options(const std::string& text, Dialog& dialog) {
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        const std::size_t equals = word.find('=');
        dialog.options[word.substr(0, equals)] =
            equals == std::string::npos ? "" : word.substr(equals + 1);
    }
}

// One line of a case. False when it is not understood.
bool read_line(const std::string& line, char we, int number, const Fragments& fragments,
               Dialog& dialog) {
    Step step;
    step.line = number;
    if (begins(line, "with:")) {
        read_options(rest_of(line, 5), dialog);
    } else if (begins(line, "> ")) {
        const auto found = fragments.find(line.substr(2));
        if (found == fragments.end()) return false;
        dialog.steps.insert(dialog.steps.end(), found->second.begin(), found->second.end());
    } else if (begins(line, "A: ")) {
        const std::size_t arrow = line.find(" => ");
        if (arrow == std::string::npos) return false;
        dialog.answers.emplace_back(line.substr(3, arrow - 3), unescape(line.substr(arrow + 4)));
    } else if (read_step(line, we, step)) {
        dialog.steps.push_back(step);
    } else {
        return false;
    }
    return true;
}

}  // namespace

unsigned long long Dialog::number(const std::string& option, unsigned long long otherwise) const {
    const auto found = options.find(option);
    return found == options.end() ? otherwise : std::stoull(found->second);
}

std::vector<std::string> Dialog::answers_to(const std::string& description) const {
    std::size_t longest = 0;
    for (const auto& [question, reply] : answers) {
        if (begins(description, question)) longest = std::max(longest, question.size());
    }
    std::vector<std::string> replies;
    for (const auto& [question, reply] : answers) {
        if (question.size() == longest && begins(description, question)) replies.push_back(reply);
    }
    return replies;
}

std::vector<Dialog> read_dialogs(const std::string& path, char we) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + ": cannot be read");
    std::vector<Dialog> dialogs;
    Fragments fragments;
    Dialog current;
    std::string fragment;
    const auto finish = [&] {
        if (!fragment.empty()) fragments[fragment] = current.steps;
        if (!current.title.empty()) dialogs.push_back(current);
        current = Dialog();
        current.file = path;
        fragment.clear();
    };
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (line.empty() || line[0] == '#') continue;
        if (begins(line, "== ") || begins(line, "-- ")) {
            finish();
            (line[0] == '=' ? current.title : fragment) = line.substr(3);
        } else if (!read_line(line, we, number, fragments, current)) {
            throw std::runtime_error(path + ":" + std::to_string(number) + ": not understood");
        }
    }
    finish();
    return dialogs;
}

std::vector<std::string> dialog_files(const std::string& directory) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() == ".dialog") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::string shown(const std::string& octets) {
    std::string text;
    for (const char c : octets) {
        if (c == '\n') {
            text += "\\n\n";
        } else if (c == '\r') {
            text += "\\r";
        } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            constexpr const char* hex = "0123456789abcdef";
            text += {'\\', 'x', hex[static_cast<unsigned char>(c) >> 4], hex[c & 15]};
        } else {
            text += c;
        }
    }
    return text.empty() || text.back() != '\n' ? text + "\n" : text;
}

std::vector<Step> joined(const std::vector<Step>& steps) {
    std::vector<Step> result;
    Step input{Step::input, {}, 0}, output{Step::output, {}, 0};
    const auto flush = [&] {
        if (!input.text.empty()) result.push_back(input);
        if (!output.text.empty()) result.push_back(output);
        input.text.clear();
        output.text.clear();
    };
    bool greeted = false;  // what the session says before it hears anything stays in front
    for (const Step& step : steps) {
        if (step.kind == Step::input) {
            if (!greeted) flush();
            greeted = true;
            input.text += step.text;
            input.line = step.line;
        } else if (step.kind == Step::output) {
            output.text += step.text;
            output.line = step.line;
        } else if (step.kind != Step::question && step.kind != Step::no_question) {
            flush();
            result.push_back(step);
            greeted = false;
        }
    }
    flush();
    return result;
}

std::string check_questions(const Dialog& dialog, const std::vector<std::string>& log) {
    std::size_t at = 0;
    for (const Step& step : dialog.steps) {
        const std::string text = unescape(step.text);
        if (step.kind == Step::question) {
            const auto found =
                std::find(log.begin() + static_cast<std::ptrdiff_t>(at), log.end(), text);
            if (found == log.end()) {
                std::string all;
                for (const auto& entry : log) all += "  " + shown(entry);
                return "not asked: " + shown(text) + "but\n" + all;
            }
            at = static_cast<std::size_t>(found - log.begin()) + 1;
        } else if (step.kind == Step::no_question) {
            for (std::size_t i = at; i < log.size(); ++i) {
                if (begins(log[i], text)) return "asked: " + shown(log[i]);
            }
        }
    }
    return "";
}

}  // namespace mailhandler::test
