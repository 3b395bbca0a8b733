#include "imap/list_command.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "mail/modified_utf7.hpp"

namespace mailhandler::imap {

using mail::from_modified_utf7, mail::to_modified_utf7, mail::well_formed_utf8;

namespace {

constexpr std::size_t most_patterns = 50;
constexpr std::size_t longest_pattern = 1000;  // octets

bool selection_options(Lexer& words, ListCommand& command) {
    if (!words.take('(')) return false;
    command.extended = true;
    bool base = false;
    while (words.peek() != ')') {
        if (words.word("SUBSCRIBED"))
            base = command.subscribed = command.return_subscribed = true;
        else if (words.word("RECURSIVEMATCH"))
            command.recursive = true;
        else if (words.word("SPECIAL-USE"))
            base = command.special_use = true;
        else if (!words.word("REMOTE"))
            return false;
        if (!words.space() && words.peek() != ')') return false;
    }
    // RFC 5258 section 3.1: RECURSIVEMATCH alone has nothing to look for.
    return words.take(')') && words.space() && (base || !command.recursive);
}

bool return_options(Lexer& words, ListCommand& command) {
    if (!words.word("RETURN") || !words.space() || !words.take('(')) return false;
    command.extended = true;
    while (words.peek() != ')') {
        if (words.word("SUBSCRIBED")) {
            command.return_subscribed = true;
        } else if (words.word("STATUS")) {
            if (!words.space()) return false;
            command.status = parse_status_items(words);
            if (!command.status) return false;
        } else if (!words.word("CHILDREN") && !words.word("SPECIAL-USE")) {
            return false;
        }
        if (!words.space() && words.peek() != ')') return false;
    }
    return words.take(')');
}

// mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"
bool patterns(Lexer& words, std::vector<std::string>& into) {
    const bool several = words.take('(');
    do {
        auto pattern = words.list_mailbox();
        if (!pattern || into.size() == most_patterns) return false;
        into.push_back(std::move(*pattern));
    } while (several && words.space());
    return !several || words.take(')');
}

// A wildcard is no letter of modified UTF-7, so it may be decoded around it.
std::string decoded(std::string_view pattern, bool utf8) {
    if (utf8) return well_formed_utf8(pattern) ? std::string(pattern) : std::string();
    return from_modified_utf7(pattern).value_or(std::string());
}

std::string_view use_attribute(SpecialUse use) {
    switch (use) {
        case SpecialUse::none: return {};
        case SpecialUse::all: return "\\All";
        case SpecialUse::archive: return "\\Archive";
        case SpecialUse::drafts: return "\\Drafts";
        case SpecialUse::flagged: return "\\Flagged";
        case SpecialUse::junk: return "\\Junk";
        case SpecialUse::sent: return "\\Sent";
        case SpecialUse::trash: return "\\Trash";
    }
    return {};
}

struct Node {
    Folder folder;
    bool children = false;          // something exists below it
    bool subscribed_below = false;  // and something below it is subscribed to
    bool unseen_below = false;      // … which itself is not listed
};

// All mailboxes with the levels above them, by name.
class Tree {
  public:
    explicit Tree(std::vector<Folder> folders) {
        for (Folder& folder : folders) add(std::move(folder));
        std::sort(nodes_.begin(), nodes_.end(), [](const Node& a, const Node& b) {
            const bool inbox_a = a.folder.name == "INBOX", inbox_b = b.folder.name == "INBOX";
            return inbox_a != inbox_b ? inbox_a : a.folder.name < b.folder.name;
        });
    }
    const std::vector<Node>& nodes() const { return nodes_; }
    // Marks what lies above those that are subscribed to and do not match.
    template <class Matches>
    void mark_unseen(Matches matches) {
        std::vector<std::string_view> unseen;
        for (const Node& each : nodes_)
            if (each.folder.subscribed && !matches(each.folder.name))
                unseen.push_back(each.folder.name);
        std::sort(unseen.begin(), unseen.end());
        for (Node& each : nodes_) {
            const std::string above = each.folder.name + separator;
            const auto at = std::lower_bound(unseen.begin(), unseen.end(), above);
            each.unseen_below = at != unseen.end() && at->starts_with(above);
        }
    }

  private:
    Node& node(const std::string& name) {
        const auto [at, fresh] = index_.emplace(name, nodes_.size());
        if (fresh) {
            nodes_.emplace_back();
            nodes_.back().folder.name = name;
            nodes_.back().folder.exists = false;
        }
        return nodes_[at->second];
    }
    void add(Folder folder) {
        const bool exists = folder.exists, subscribed = folder.subscribed;
        const std::string name = folder.name;
        node(name).folder = std::move(folder);
        for (std::size_t at = name.rfind(separator); at != name.npos && at != 0;
             at = name.rfind(separator, at - 1)) {
            Node& above = node(name.substr(0, at));
            above.children |= exists;
            above.subscribed_below |= subscribed;
        }
    }

    std::vector<Node> nodes_;
    std::unordered_map<std::string, std::size_t> index_;
};

bool found(const ListCommand& command, const std::string& name) {
    return std::any_of(command.patterns.begin(), command.patterns.end(),
                       [&](const std::string& pattern) { return matches(pattern, name); });
}

std::string attributes_of(const ListCommand& command, const Node& node) {
    std::string text;
    const auto add = [&](std::string_view attribute) {
        if (attribute.empty()) return;
        if (!text.empty()) text += ' ';
        text += attribute;
    };
    if (!node.folder.exists) add("\\NonExistent \\Noselect");
    if (command.return_subscribed && node.folder.subscribed) add("\\Subscribed");
    add(node.children ? "\\HasChildren" : "\\HasNoChildren");
    add(use_attribute(node.folder.use));
    return text;
}

std::optional<Listed> listed(const ListCommand& command, const Node& node) {
    const Folder& folder = node.folder;
    Listed line;
    line.name = folder.name;
    line.exists = folder.exists;
    const bool wanted = (!command.subscribed || folder.subscribed) &&
                        (!command.special_use || folder.use != SpecialUse::none);
    line.child_info = command.recursive && command.subscribed && node.subscribed_below;
    // RFC 5258 section 3.5: not because of children that are listed themselves.
    if (!wanted && !(line.child_info && node.unseen_below)) return std::nullopt;
    if (!folder.exists && !node.children && !command.subscribed) return std::nullopt;
    line.attributes = attributes_of(command, node);
    return line;
}

// RFC 3501 section 6.3.9: with "%" a level above a subscribed one is \Noselect.
std::optional<Listed> lsub_listed(const ListCommand& command, const Node& node) {
    const bool percent =
        std::any_of(command.patterns.begin(), command.patterns.end(),
                    [](const std::string& pattern) { return pattern.find('%') != pattern.npos; });
    Listed line;
    line.name = node.folder.name;
    if (!node.folder.subscribed && !(percent && node.subscribed_below)) return std::nullopt;
    if (!node.folder.subscribed) line.attributes = "\\Noselect";
    return line;
}

}  // namespace

std::optional<StatusItems> parse_status_items(Lexer& words) {
    StatusItems items;
    const std::pair<std::string_view, bool*> names[] = {
        {"MESSAGES", &items.messages},
        {"RECENT", &items.recent},
        {"UIDNEXT", &items.uid_next},
        {"UIDVALIDITY", &items.uid_validity},
        {"UNSEEN", &items.unseen},
        {"SIZE", &items.size},
        {"DELETED", &items.deleted},
        {"DELETED-STORAGE", &items.deleted_size},
        {"HIGHESTMODSEQ", &items.highest_modseq},
        {"APPENDLIMIT", &items.append_limit},
    };
    if (!words.take('(')) return std::nullopt;
    do {
        const auto name = words.atom();
        const auto known = std::find_if(std::begin(names), std::end(names), [&](const auto& entry) {
            return name && same_word(entry.first, *name);
        });
        if (known == std::end(names)) return std::nullopt;
        *known->second = true;
    } while (words.space());
    if (!words.take(')')) return std::nullopt;
    return items;
}

std::optional<ListCommand> parse_list(Lexer& words, bool utf8) {
    ListCommand command;
    if (words.peek() == '(' && !selection_options(words, command)) return std::nullopt;
    const auto reference = words.astring();
    std::vector<std::string> given;
    if (!reference || !words.space()) return std::nullopt;
    if (words.peek() == '(') command.extended = true;
    if (!patterns(words, given)) return std::nullopt;
    if (words.space() && !return_options(words, command)) return std::nullopt;
    if (!words.at_end()) return std::nullopt;
    command.delimiter = !command.extended && given.front().empty();
    for (const std::string& pattern : given) {
        std::string whole = decoded(*reference + pattern, utf8);
        if (whole.size() <= longest_pattern) command.patterns.push_back(std::move(whole));
    }
    return command;
}

bool matches(std::string_view pattern, std::string_view name) {
    // INBOX and what is below it: the first level in any case.
    constexpr std::string_view inbox = "INBOX";
    const bool below =
        name.starts_with(inbox) && (name.size() == inbox.size() || name[inbox.size()] == separator);
    const std::size_t any_case = below ? inbox.size() : 0;
    // reached[i]: the pattern so far can have eaten i octets of the name.
    std::vector<char> reached(name.size() + 1, 0);
    reached[0] = 1;
    for (const char c : pattern) {
        if (c == '*' || c == '%') {
            for (std::size_t i = 0; i < name.size(); ++i)
                if (reached[i] && (c == '*' || name[i] != separator)) reached[i + 1] = 1;
            continue;
        }
        for (std::size_t i = name.size(); i > 0; --i)
            reached[i] =
                reached[i - 1] &&
                (name[i - 1] == c || (i <= any_case && same_word({&c, 1}, {&name[i - 1], 1})));
        reached[0] = 0;
    }
    return reached[name.size()] != 0;
}

std::vector<Listed> find_mailboxes(const ListCommand& command, std::vector<Folder> folders,
                                   bool lsub) {
    Tree tree(std::move(folders));
    if (command.recursive)
        tree.mark_unseen([&](const std::string& name) { return found(command, name); });
    std::vector<Listed> lines;
    for (const Node& node : tree.nodes()) {
        if (!found(command, node.folder.name)) continue;
        auto line = lsub ? lsub_listed(command, node) : listed(command, node);
        if (line) lines.push_back(std::move(*line));
    }
    return lines;
}

}  // namespace mailhandler::imap
