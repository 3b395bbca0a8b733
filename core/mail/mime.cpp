#include "mail/mime.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "mail/header.hpp"

namespace mailhandler::mail {

namespace {

bool is_wsp(char c) { return c == ' ' || c == '\t'; }

std::string_view without_padding(std::string_view text) {
    while (!text.empty() && (is_wsp(text.back()) || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

bool is_content_field(std::string_view line) {
    return line.size() > 8 && same_name(line.substr(0, 8), "content-");
}

}  // namespace

std::uint32_t MimeTree::find(std::span<const std::uint32_t> numbers) const {
    std::uint32_t at = 0;
    bool message = true;  // `at` is a whole message: without a multipart, it is its own part 1
    for (const std::uint32_t number : numbers) {
        if (!message && parts[at].kind == PartKind::message) {
            at = parts[at].first_child;
            message = true;
        }
        if (parts[at].first_child != no_part && parts[at].kind == PartKind::multipart) {
            at = number == 0 ? no_part : parts[at].first_child;
            for (std::uint32_t i = 1; i < number && at != no_part; ++i) at = parts[at].next;
        } else if (!message || number != 1) {
            at = no_part;
        }
        if (at == no_part) return no_part;
        message = false;
    }
    return at;
}

MimeTree scan_mime(std::string_view octets, MimeLimits limits) {
    MimeScan scan(limits);
    scan.feed(octets);
    return scan.finish();
}

MimeScan::MimeScan(MimeLimits limits) : limits_(limits) { begin_part(0); }

void MimeScan::feed(std::string_view octets) {
    while (!octets.empty()) {
        if (!in_header_ && boundaries_ == 0) return text_only(octets);
        const auto* lf = static_cast<const char*>(memchr(octets.data(), '\n', octets.size()));
        const std::size_t size = lf ? lf - octets.data() + 1 : octets.size();
        if (lf && kept_size_ == 0) {
            end_ = size > 1 && octets[size - 2] == '\r' ? 2 : 1;
            line(octets.substr(0, size - end_), size);
        } else {
            divided_line(octets.substr(0, size), lf != nullptr);
        }
        octets.remove_prefix(size);
    }
}

// Nothing but the end of the message can end this part: only line ends are counted.
void MimeScan::text_only(std::string_view octets) {
    position_ += octets.size();
    while (const void* lf = memchr(octets.data(), '\n', octets.size())) {
        ++lines_;
        octets.remove_prefix(static_cast<const char*>(lf) - octets.data() + 1);
    }
}

// A line that came in several blocks; of a very long one only the beginning is kept.
void MimeScan::divided_line(std::string_view piece, bool whole) {
    const std::string_view text = piece.substr(0, piece.size() - whole);
    kept_.append(text.substr(0, limits_.field - std::min(limits_.field, kept_.size())));
    kept_size_ += piece.size();
    if (!text.empty()) kept_last_ = text.back();
    if (!whole) return;
    const bool cr = kept_size_ > 1 && kept_last_ == '\r';
    if (cr && kept_.size() + 1 == kept_size_) kept_.pop_back();
    const std::string held = std::exchange(kept_, {});
    const std::uint64_t size = std::exchange(kept_size_, 0);
    end_ = cr ? 2 : 1;
    line(held, size);
}

// One whole line without its end; `size` counts that too.
void MimeScan::line(std::string_view text, std::uint64_t size) {
    const bool dashes = boundaries_ > 0 && text.size() > 2 && text[0] == '-' && text[1] == '-';
    if (!(dashes && delimiter(text.substr(2), size)) && in_header_)
        header_line(text, position_ + size);
    position_ += size;
    ++lines_;
    end_before_ = end_;
}

void MimeScan::header_line(std::string_view text, std::uint64_t body_begin) {
    const bool folded = !text.empty() && is_wsp(text[0]);
    if (!folded) end_field();
    if (text.empty()) return end_header(body_begin, lines_ + 1);
    if (folded ? field_.empty() : !is_content_field(text)) return;
    if (field_.size() >= limits_.field) return;
    field_.append(text.substr(0, limits_.field - field_.size())).append("\n");
}

// delimiter := "--" boundary ["--"] transport-padding. The innermost multipart that it fits, for an
// inner one may have been cut off.
bool MimeScan::delimiter(std::string_view text, std::uint64_t size) {
    text = without_padding(text);
    const bool dashes = text.ends_with("--");
    const std::string_view closing = dashes ? text.substr(0, text.size() - 2) : text;
    for (std::size_t i = open_.size(); i-- > 0;) {
        if (open_[i].boundary.empty()) continue;
        const bool opens = open_[i].boundary == text;
        if (!opens && !(dashes && open_[i].boundary == closing)) continue;
        // Once a limit is reached, what follows belongs to the last part.
        if (opens && full()) return true;
        end_field();
        close_above(i + 1);
        in_header_ = false;
        if (opens)
            begin_part(position_ + size);
        else
            end_boundary(open_[i]);
        return true;
    }
    return false;
}

void MimeScan::end_boundary(Open& open) {
    open.boundary.clear();
    --boundaries_;
}

// Closes every part but the outermost `keep` before the delimiter that begins at position_.
void MimeScan::close_above(std::size_t keep) {
    if (open_.size() <= keep) return;
    if (in_header_) cut_header();
    // Where nothing follows the empty line, that is its own line end, not the delimiter's.
    const bool empty = current().body_begin == position_;
    for (; open_.size() > keep; open_.pop_back()) {
        MimePart& part = current();
        part.body_end = position_ - (empty ? 0 : end_before_);
        part.lines = lines_ - open_.back().first_line - (empty ? 0 : 1);
        if (!open_.back().boundary.empty()) end_boundary(open_.back());
    }
}

MimeTree MimeScan::finish() {
    if (kept_size_ > 0) {
        end_ = 0;
        const std::string held = std::exchange(kept_, {});
        line(held, kept_size_);
        --lines_;  // it had no end
    }
    end_field();
    if (in_header_) cut_header();
    for (; !open_.empty(); open_.pop_back()) {
        current().body_end = position_;
        current().lines = lines_ - open_.back().first_line;
    }
    return std::move(tree_);
}

bool MimeScan::full() const {
    return tree_.parts.size() >= limits_.parts || text_ >= limits_.text;
}

void MimeScan::begin_part(std::uint64_t header_begin) {
    const auto index = static_cast<std::uint32_t>(tree_.parts.size());
    MimePart& part = tree_.parts.emplace_back();
    part.header_begin = header_begin;
    if (!open_.empty()) {
        Open& above = open_.back();
        part.parent = above.part;
        (above.last_child == no_part ? tree_.parts[above.part].first_child
                                     : tree_.parts[above.last_child].next) = index;
        above.last_child = index;
    }
    open_.push_back({index, 0, no_part, {}});
    in_header_ = true;
}

// The header ends where its empty line was to come.
void MimeScan::cut_header() {
    settle_type(current());
    if (current().type.is("multipart")) current().kind = PartKind::multipart;
    current().body_begin = position_;
    open_.back().first_line = lines_;
    in_header_ = false;
}

void MimeScan::end_header(std::uint64_t body_begin, std::uint64_t first_line) {
    MimePart& part = current();
    settle_type(part);
    part.body_begin = body_begin;
    open_.back().first_line = first_line;
    in_header_ = false;
    const bool multipart = part.type.is("multipart");
    const bool message = part.type.is("message", "rfc822") || part.type.is("message", "global");
    if (!multipart && !message) return;
    if (open_.size() >= limits_.depth || full()) {
        part.opaque = true;
        return;
    }
    part.kind = multipart ? PartKind::multipart : PartKind::message;
    if (message) return begin_part(body_begin);
    if (const std::string* boundary = find_parameter(part.type.parameters, "boundary")) {
        open_.back().boundary = without_padding(*boundary);
        if (!open_.back().boundary.empty()) ++boundaries_;
    }
}

void MimeScan::settle_type(MimePart& part) {
    if (!part.type.type.empty()) return;
    const bool digest = part.parent != no_part && tree_[part.parent].type.is("multipart", "digest");
    part.type.type = digest ? "message" : "text";
    part.type.subtype = digest ? "rfc822" : "plain";
    if (!digest) part.type.parameters = {{"charset", "us-ascii"}};
}

// Takes the Content- field that was gathered into the part, where it is its first of that name.
void MimeScan::end_field() {
    if (field_.empty()) return;
    const std::string held = std::exchange(field_, {});
    const auto field = HeaderScan(held).next();
    if (!field || !in_header_) return;
    MimePart& part = current();
    text_ += held.size();
    const auto text = [&](std::string& value) {
        if (value.empty()) value = field->value();
    };
    if (field->is("Content-Type")) {
        if (!part.type.type.empty()) return;
        if (auto type = parse_content_type(field->body)) part.type = std::move(*type);
    } else if (field->is("Content-Disposition")) {
        if (part.disposition.type.empty()) part.disposition = parse_disposition(field->body);
    } else if (field->is("Content-Transfer-Encoding")) {
        if (part.encoding.empty()) part.encoding = parse_token(field->body);
    } else if (field->is("Content-Language")) {
        if (part.language.empty()) part.language = parse_languages(field->body);
    } else if (field->is("Content-ID")) {
        text(part.id);
    } else if (field->is("Content-Description")) {
        text(part.description);
    } else if (field->is("Content-Location")) {
        text(part.location);
    } else if (field->is("Content-MD5")) {
        text(part.md5);
    } else {
        text_ -= held.size();
    }
}

}  // namespace mailhandler::mail
