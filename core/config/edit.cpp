// An edit: splices proposed by the Splicer, judged by toml++.
#include "config/edit.hpp"

#include <fmt/format.h>

#include "config/document.hpp"
#include "config/reading.hpp"
#include "config/section.hpp"
#include "config/splice.hpp"

namespace mailhandler::config {
namespace {

struct ToNode {
    Node operator()(const std::string& text) const {
        Node node;
        node.kind = Node::Kind::string;
        node.text = text;
        return node;
    }
    Node operator()(std::int64_t number) const {
        Node node;
        node.kind = Node::Kind::integer;
        node.number = number;
        return node;
    }
    Node operator()(bool flag) const {
        Node node;
        node.kind = Node::Kind::boolean;
        node.number = flag ? 1 : 0;
        return node;
    }
    Node operator()(const Date& date) const {
        Node node;
        node.kind = Node::Kind::date;
        node.date = date;
        return node;
    }
    Node operator()(const std::vector<std::string>& list) const {
        Node node;
        node.kind = Node::Kind::array;
        for (const std::string& item : list) node.items.push_back((*this)(item));
        return node;
    }
};

const Node* look_up(const Node& root, const KeyPath& path) {
    const Node* node = &root;
    for (const std::string& key : path) {
        const Entry* entry = node->is(Node::Kind::table) ? node->find(key) : nullptr;
        if (!entry) return nullptr;
        node = &entry->value;
    }
    return node;
}

// Removes the value at `path` and the tables that are empty without it.
void prune(Node& node, const KeyPath& path, std::size_t depth, bool value_too) {
    if (depth >= path.size() || !node.is(Node::Kind::table)) return;
    Entry* entry = node.find(path[depth]);
    if (!entry) return;
    prune(entry->value, path, depth + 1, value_too);
    const bool value = depth + 1 == path.size();
    const bool empty = entry->value.is(Node::Kind::table) && entry->value.entries.empty();
    if (value ? value_too : empty)
        node.entries.erase(node.entries.begin() + (entry - node.entries.data()));
}

// The edit of one text: the text and the model change side by side.
class Editing {
  public:
    Editing(std::string_view text, const std::string& file, Node model)
        : splicer_(text, file), file_(file), model_(std::move(model)) {}

    Result<> operator()(const Set& set) {
        if (auto fine = check(set.path); !fine) return fine;
        Node value = std::visit(ToNode{}, set.value);
        const Node* old = look_up(model_, set.path);
        if (old && same(*old, value)) return {};
        if (auto done = splicer_.set(set.path, to_toml(set.value)); !done) return done;
        at(set.path) = std::move(value);
        return {};
    }
    Result<> operator()(const Make& make) {
        if (auto fine = check(make.path); !fine) return fine;
        const Node* old = look_up(model_, make.path);
        if (old && old->is(Node::Kind::table)) return {};
        if (old) return fail(file_, to_key(make.path.back()) + " is not a table", false);
        if (auto done = splicer_.make_table(make.path); !done) return done;
        at(make.path);
        return {};
    }
    Result<> operator()(const Unset& unset) {
        if (auto fine = check(unset.path); !fine) return fine;
        if (!look_up(model_, unset.path)) return {};
        if (auto done = splicer_.unset(unset.path); !done) return done;
        prune(model_, unset.path, 0, true);
        unset_.push_back(unset.path);
        return {};
    }

    // The text, when toml++ reads in it exactly what was asked for.
    Result<EditedText> judged() && {
        auto after = parse_toml(splicer_.text());
        if (!after)
            return refused(fmt::format("the change would not be TOML ({}:{}: {})",
                                       after.error().at.line, after.error().at.column,
                                       after.error().text));
        if (!same(*after, model_) && !same_but_for_empty_tables(*after))
            return refused("the change would touch more than what was asked");
        return EditedText{splicer_.text(), std::move(*after)};
    }

  private:
    Result<> check(const KeyPath& path) const {
        if (path.empty()) return fail(file_, "no key was named", false);
        return {};
    }
    Node& at(const KeyPath& path) {
        Node* node = &model_;
        for (const std::string& key : path) node = &node->at_key(key);
        return *node;
    }
    // [mailbox] may stay behind as an empty table, or not be there any more.
    bool same_but_for_empty_tables(Node after) {
        for (const KeyPath& path : unset_) {
            prune(after, path, 0, false);
            prune(model_, path, 0, false);
        }
        return same(after, model_);
    }
    tl::unexpected<Fault> refused(const std::string& why) const {
        return fail(file_, why + "; this file is laid out in a way that has to be changed by hand",
                    false);
    }

    Splicer splicer_;
    const std::string& file_;
    Node model_;
    std::vector<KeyPath> unset_;
};

}  // namespace

Result<EditedText> edit_text(std::string_view text, const std::vector<Change>& changes,
                             const std::string& file) {
    auto model = parse_toml(text);
    if (!model)
        return fail(fmt::format("{}:{}:{}", file, model.error().at.line, model.error().at.column),
                    model.error().text + "; correct this first", false);
    Editing editing(text, file, std::move(*model));
    for (const Change& change : changes)
        if (auto done = std::visit(editing, change); !done) return tl::unexpected(done.error());
    return std::move(editing).judged();
}

Result<std::string> edit(std::string_view text, const std::vector<Change>& changes,
                         const std::string& file) {
    auto edited = edit_text(text, changes, file);
    if (!edited) return tl::unexpected(edited.error());
    return std::move(edited->text);
}

}  // namespace mailhandler::config
