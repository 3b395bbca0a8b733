#include "imap/threading.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace mailhandler::imap {

namespace {

using Index = std::uint32_t;
constexpr Index none = UINT32_MAX;

// A conversation deeper than this is cut: finding loops may cost this much for each reference.
constexpr int deepest = 1000;

// A message, or one that only others speak of.
struct Node {
    const Threaded* message = nullptr;
    Index parent = none, child = none, next = none;
};

class Forest {
  public:
    explicit Forest(const std::vector<Threaded>& messages) : messages_(messages) {
        nodes_.reserve(messages.size() * 2);
    }

    std::vector<ThreadLine> threads() {
        for (const Threaded& each : messages_) link(each);
        gather_roots();
        for (Index& root : roots_) root = pruned(root);
        std::erase(roots_, none);
        sort_siblings(roots_);
        merge_subjects();
        return written();
    }

  private:
    Index add(const Threaded* message) {
        nodes_.push_back({message});
        return static_cast<Index>(nodes_.size() - 1);
    }

    Index named(const std::string& id) {
        const auto [at, fresh] = ids_.try_emplace(id, none);
        if (fresh) at->second = add(nullptr);
        return at->second;
    }

    // Step 1: each reference is the parent of the next, the last one the message's.
    void link(const Threaded& message) {
        Index self = message.id.empty() ? none : named(message.id);
        // A message without an id, or with one that another has, is one of its own.
        if (self == none || nodes_[self].message) self = add(nullptr);
        nodes_[self].message = &message;
        Index above = none;
        for (const std::string& id : message.references) {
            const Index at = named(id);
            if (above != none && nodes_[at].parent == none && !descends(above, at))
                nodes_[at].parent = above;
            above = at;
        }
        // What it says of its own parent counts more than what others said.
        if (above != none && above != self && !descends(above, self)) nodes_[self].parent = above;
        else if (above == none) nodes_[self].parent = none;
    }

    // Whether `node` is `above` or below it, or too deep to have anything below itself.
    bool descends(Index node, Index above) const {
        for (int depth = 0; node != none; node = nodes_[node].parent)
            if (node == above || ++depth > deepest) return true;
        return false;
    }

    // Step 2
    void gather_roots() {
        for (Index i = static_cast<Index>(nodes_.size()); i-- > 0;) {
            if (nodes_[i].parent == none) {
                roots_.push_back(i);
                continue;
            }
            Node& parent = nodes_[nodes_[i].parent];
            nodes_[i].next = parent.child;
            parent.child = i;
        }
    }

    // Step 3, and 6 on the way: nodes without a message go, their children take their places; but
    // several of them at the root keep theirs. Without recursion: chains are as long as a mailbox.
    Index pruned(Index root) {
        std::vector<Index> order{root};
        for (std::size_t i = 0; i < order.size(); ++i)
            for (Index child = nodes_[order[i]].child; child != none; child = nodes_[child].next)
                order.push_back(child);
        std::vector<Index> children;
        for (std::size_t i = order.size(); i-- > 0;) {
            Node& node = nodes_[order[i]];
            children.clear();
            for (Index child = node.child; child != none; child = nodes_[child].next) {
                if (nodes_[child].message) {
                    children.push_back(child);
                    continue;
                }
                for (Index grand = nodes_[child].child; grand != none; grand = nodes_[grand].next)
                    children.push_back(grand);
            }
            sort_siblings(children);
            adopt(order[i], children);
        }
        if (nodes_[root].message) return root;
        const Index only = nodes_[root].child;
        if (only != none && nodes_[only].next != none) return root;
        if (only != none) nodes_[only].parent = none;
        return only;
    }

    void adopt(Index parent, const std::vector<Index>& children) {
        nodes_[parent].child = none;
        for (std::size_t i = children.size(); i-- > 0;) {
            nodes_[children[i]].parent = parent;
            nodes_[children[i]].next = std::exchange(nodes_[parent].child, children[i]);
        }
    }

    // The message that stands for a node: itself, or its first child.
    const Threaded& first(Index node) const {
        return *(nodes_[node].message ? nodes_[node] : nodes_[nodes_[node].child]).message;
    }

    // Step 4 and 6: by sent date, then as in the mailbox.
    void sort_siblings(std::vector<Index>& siblings) const {
        std::sort(siblings.begin(), siblings.end(), [&](Index a, Index b) {
            const Threaded &x = first(a), &y = first(b);
            return std::tie(x.sent, x.uid) < std::tie(y.sent, y.uid);
        });
    }

    // Step 5: threads with one base subject are one.
    void merge_subjects() {
        std::unordered_map<std::string_view, Index> table;
        for (const Index root : roots_) {
            const Threaded& message = first(root);
            if (message.subject.empty()) continue;
            const auto [at, fresh] = table.try_emplace(message.subject, root);
            if (fresh) continue;
            const bool only_this_is_none = !nodes_[root].message && nodes_[at->second].message;
            if (only_this_is_none || (first(at->second).reply && !message.reply)) at->second = root;
        }
        std::vector<Index> left;
        std::unordered_map<Index, std::vector<Index>> joining;  // into what; in order
        for (const Index root : roots_) {
            const auto found = table.find(first(root).subject);
            if (found == table.end() || found->second == root)
                left.push_back(root);
            else
                joining[found->second].push_back(root);
        }
        for (Index& root : left)
            if (const auto others = joining.find(root); others != joining.end())
                root = merged(root, others->second);
        sort_siblings(left);
        roots_ = std::move(left);
    }

    // Threads of one subject: replies go below what they reply to, equals below a node without a
    // message.
    Index merged(Index root, const std::vector<Index>& others) {
        Index top = root;
        std::vector<Index> below = children_of(top);
        for (const Index other : others) {
            const bool beside = !nodes_[top].message;
            if (!nodes_[other].message) {
                const std::vector<Index> more = children_of(other);
                below.insert(below.end(), more.begin(), more.end());
            } else if (beside || (first(other).reply && !first(root).reply)) {
                below.push_back(other);
            } else {
                settle(top, below);
                below = {top, other};
                top = add(nullptr);
            }
        }
        settle(top, below);
        return top;
    }

    std::vector<Index> children_of(Index node) const {
        std::vector<Index> children;
        for (Index c = nodes_[node].child; c != none; c = nodes_[c].next) children.push_back(c);
        return children;
    }

    void settle(Index node, std::vector<Index>& children) {
        sort_siblings(children);
        adopt(node, children);
    }

    std::vector<ThreadLine> written() const {
        std::vector<ThreadLine> lines;
        std::vector<std::pair<Index, std::uint32_t>> stack;
        for (const Index root : roots_) {
            stack.emplace_back(root, 0);
            while (!stack.empty()) {
                const auto [at, depth] = stack.back();
                stack.pop_back();
                const Node& node = nodes_[at];
                lines.push_back({node.message ? node.message->uid : 0, depth});
                if (depth > 0 && node.next != none) stack.emplace_back(node.next, depth);
                if (node.child != none) stack.emplace_back(node.child, depth + 1);
            }
        }
        return lines;
    }

    const std::vector<Threaded>& messages_;
    std::vector<Node> nodes_;
    std::unordered_map<std::string, Index> ids_;
    std::vector<Index> roots_;
};

}  // namespace

std::vector<ThreadLine> thread_by_subject(std::vector<Threaded> messages) {
    std::sort(messages.begin(), messages.end(), [](const Threaded& a, const Threaded& b) {
        return std::tie(a.subject, a.sent, a.uid) < std::tie(b.subject, b.sent, b.uid);
    });
    struct Thread {
        std::int64_t sent;
        Uid uid;
        std::size_t begin, end;
    };
    std::vector<Thread> threads;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        if (i == 0 || messages[i].subject != messages[i - 1].subject)
            threads.push_back({messages[i].sent, messages[i].uid, i, i});
        threads.back().end = i + 1;
    }
    std::sort(threads.begin(), threads.end(), [](const Thread& a, const Thread& b) {
        return std::tie(a.sent, a.uid) < std::tie(b.sent, b.uid);
    });
    std::vector<ThreadLine> lines;
    for (const Thread& thread : threads)
        for (std::size_t i = thread.begin; i < thread.end; ++i)
            lines.push_back({messages[i].uid, i == thread.begin ? 0u : 1u});
    return lines;
}

std::vector<ThreadLine> thread_by_references(std::vector<Threaded> messages) {
    return Forest(messages).threads();
}

std::vector<std::string> message_ids(std::string_view value) {
    std::vector<std::string> ids;
    for (std::size_t at = 0; (at = value.find('<', at)) != value.npos;) {
        const std::size_t end = value.find('>', at);
        if (end == value.npos) break;
        const std::size_t begin = value.rfind('<', end) + 1;
        std::string id;
        for (const char c : value.substr(begin, end - begin))
            if (std::string_view("\"\\ \t\r\n").find(c) == std::string_view::npos) id += c;
        if (!id.empty()) ids.push_back(std::move(id));
        at = end + 1;
    }
    return ids;
}

}  // namespace mailhandler::imap
