#include "mail/mime.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler::mail;

namespace {

// Every part as "kind type/subtype [header] [body]" with its text, children indented.
std::string drawn(const MimeTree& tree, std::string_view octets, std::uint32_t at = 0,
                  std::size_t depth = 0) {
    const MimePart& part = tree[at];
    std::string text(depth * 2, ' ');
    text += part.type.type + '/' + part.type.subtype + ' ';
    if (part.opaque) text += "opaque ";
    std::string body(octets.substr(part.body_begin, part.size()));
    if (part.kind != PartKind::leaf) body = std::to_string(part.size());
    for (std::size_t i; (i = body.find("\r\n")) != body.npos;) body.replace(i, 2, "|");
    text += std::to_string(part.header_size()) + " <" + body + "> " + std::to_string(part.lines);
    text += '\n';
    for (std::uint32_t child = part.first_child; child != no_part; child = tree[child].next) {
        REQUIRE(tree[child].parent == at);
        text += drawn(tree, octets, child, depth + 1);
    }
    return text;
}

std::string crlf(std::string_view text) {
    std::string octets;
    for (const char c : text) {
        if (c == '\n') octets += '\r';
        octets += c;
    }
    return octets;
}

std::string drawn(std::string_view text, MimeLimits limits = {}) {
    const std::string octets = crlf(text);
    const MimeTree whole = scan_mime(octets, limits);
    const std::string picture = drawn(whole, octets);
    for (const std::size_t size : {1, 2, 3, 7, 64}) {
        MimeScan scan(limits);
        for (std::size_t at = 0; at < octets.size(); at += size)
            scan.feed(std::string_view(octets).substr(at, size));
        CHECK(drawn(scan.finish(), octets) == picture);
    }
    return picture;
}

const char* const nested =
    "Content-Type: multipart/mixed; boundary=outer\n"
    "\n"
    "prologue\n"
    "--outer\n"
    "\n"
    "one\n"
    "two\n"
    "--outer  \n"
    "Content-Type: multipart/alternative; boundary=\"in ner\"\n"
    "\n"
    "--in ner\n"
    "Content-Type: text/html\n"
    "\n"
    "<p>\n"
    "\n"
    "--in ner--\n"
    "epilogue\n"
    "--outer\n"
    "Content-Type: message/rfc822\n"
    "\n"
    "Subject: inside\n"
    "\n"
    "text\n"
    "--outer--\n"
    "end\n";

}  // namespace

TEST_CASE("a message without MIME is one part of text") {
    CHECK(drawn("Subject: x\n\none\ntwo\n") == "text/plain 14 <one|two|> 2\n");
    CHECK(drawn("Subject: x\n") == "text/plain 12 <> 0\n");
    CHECK(drawn("Subject: x") == "text/plain 10 <> 0\n");
    CHECK(drawn("\nbody") == "text/plain 2 <body> 0\n");
    CHECK(drawn("") == "text/plain 0 <> 0\n");
}

TEST_CASE("a multipart's parts lie between its delimiters, without the line end before them") {
    CHECK(drawn(nested) ==
          "multipart/mixed 49 <248> 23\n"
          "  text/plain 2 <one|two> 1\n"
          "  multipart/alternative 58 <64> 6\n"
          "    text/html 27 <<p>|> 1\n"
          "  message/rfc822 32 <23> 2\n"
          "    text/plain 19 <text> 0\n");
}

TEST_CASE("part numbers find parts as IMAP counts them") {
    const MimeTree tree = scan_mime(nested);
    const auto find = [&](std::vector<std::uint32_t> numbers) { return tree.find(numbers); };
    CHECK(find({}) == 0);
    CHECK(find({1}) == 1);
    CHECK(find({2}) == 2);
    CHECK(find({2, 1}) == 3);
    CHECK(find({3}) == 4);
    CHECK(find({3, 1}) == 5);
    for (const auto& none : std::vector<std::vector<std::uint32_t>>{
             {0}, {4}, {1, 1}, {2, 2}, {2, 1, 1}, {3, 2}, {3, 1, 1}, {3, 0}})
        CHECK(find(none) == no_part);
    const MimeTree plain = scan_mime("A: b\n\ntext");
    CHECK(plain.find(std::vector<std::uint32_t>{1}) == 0);
    CHECK(plain.find(std::vector<std::uint32_t>{1, 1}) == no_part);
    CHECK(plain.find(std::vector<std::uint32_t>{2}) == no_part);
    const MimeTree inner = scan_mime("Content-Type: message/rfc822\n\nA: b\n\ntext");
    CHECK(inner.find(std::vector<std::uint32_t>{1}) == 0);
    CHECK(inner.find(std::vector<std::uint32_t>{1, 1}) == 1);
}

TEST_CASE("an outer delimiter ends whatever inner parts are still open") {
    CHECK(drawn("Content-Type: multipart/mixed; boundary=a\n\n"
                "--a\nContent-Type: multipart/mixed; boundary=b\n\n"
                "--b\n\ncut\n--a\nX: y\n--a\n\n--a--\n--a\nafter") ==
          "multipart/mixed 45 <97> 12\n"
          "  multipart/mixed 45 <10> 2\n"
          "    text/plain 2 <cut> 0\n"
          "  text/plain 6 <> 0\n"
          "  text/plain 2 <> 0\n");
}

TEST_CASE("only a whole line is a delimiter") {
    CHECK(drawn("Content-Type: multipart/mixed; boundary=a\n\n--a\n\n--ab\n --a\n--a-\n--a--b\nx--a\n--a--") ==
          "multipart/mixed 45 <44> 7\n"
          "  text/plain 2 <--ab| --a|--a-|--a--b|x--a> 4\n");
}

TEST_CASE("a multipart whose boundary is missing or never occurs has no parts") {
    CHECK(drawn("Content-Type: multipart/mixed\n\n--a\n") == "multipart/mixed 33 <5> 1\n");
    CHECK(drawn("Content-Type: multipart/mixed; boundary=z\n\n--a\n") == "multipart/mixed 45 <5> 1\n");
}

TEST_CASE("what a digest holds is messages") {
    CHECK(drawn("Content-Type: multipart/digest; boundary=a\n\n"
                "--a\n\nSubject: x\n\none\n--a\nContent-Type: text/plain\n\ntwo\n--a--\n") ==
          "multipart/digest 46 <71> 10\n"
          "  message/rfc822 2 <17> 2\n"
          "    text/plain 14 <one> 0\n"
          "  text/plain 28 <two> 0\n");
}

TEST_CASE("the Content- fields of a part are read, the first of each") {
    const MimeTree tree = scan_mime(
        "content-type: TEXT/Html; charset=us-ascii (Plain\r\n text); x=\"a\\\"b\"\r\n"
        "Content-Type: text/plain\r\n"
        "Content-Transfer-Encoding: BASE64 (yes)\r\n"
        "Content-ID: <a@b>\r\nContent-Description: some\r\n words\r\n"
        "Content-Disposition: attachment; filename=my file.txt; size=3\r\n"
        "Content-Language: en, de (German) , fr\r\n"
        "Content-Location: http://x/\r\nContent-MD5: Q2hlY2s=\r\n\r\n");
    const MimePart& part = tree.root();
    CHECK(part.type.type == "TEXT");
    CHECK(part.type.subtype == "Html");
    REQUIRE(part.type.parameters.size() == 2);
    CHECK(part.type.parameters[0].value == "us-ascii");
    CHECK(*find_parameter(part.type.parameters, "X") == "a\"b");
    CHECK(part.encoding == "BASE64");
    CHECK(part.id == "<a@b>");
    CHECK(part.description == "some words");
    CHECK(part.disposition.type == "attachment");
    CHECK(*find_parameter(part.disposition.parameters, "filename") == "my file.txt");
    CHECK(*find_parameter(part.disposition.parameters, "size") == "3");
    CHECK(part.language == std::vector<std::string>{"en", "de", "fr"});
    CHECK(part.location == "http://x/");
    CHECK(part.md5 == "Q2hlY2s=");
}

TEST_CASE("parameters are read as they were meant") {
    const auto read = [](std::string_view text) {
        std::string all;
        for (const Parameter& each : parse_parameters(text))
            all += each.name + '=' + each.value + '|';
        return all;
    };
    CHECK(read("; a=b;c=d ;; e = \"f\" ;") == "a=b|c=d|e=f|");
    CHECK(read("; charset=utf-8 format=flowed") == "charset=utf-8|format=flowed|");
    CHECK(read("; a=\"never closed; b=c") == "a=never closed; b=c|");
    CHECK(read("; a=\"x\" junk; b=c") == "a=x|b=c|");
    CHECK(read("; a; b=c; =d; e=") == "b=c|e=|");
    CHECK(read("; a=(comment) b (comment); c=d (never closed") == "a=b|c=d|");
    // RFC 2231 sections 3 and 4
    CHECK(read("; f*0=a; f*1=\"b c\"; f*2=d; x=y") == "x=y|f=ab cd|");
    CHECK(read("; f*1=b; f*0=a") == "f=ab|");
    CHECK(read("; f*0=a; f*2=c") == "f=a|");
    CHECK(read("; f*=utf-8''%e2%82%ac") == "f*=utf-8''%e2%82%ac|");
    CHECK(read("; f*0*=utf-8''%e2; f*1*=%82%ac; f*2=\" x%\"") == "f*=utf-8''%e2%82%ac%20x%25|");
    CHECK(read("; f*0=a; f*1*=%20") == "f*=''a%20|");
    CHECK(read("; f*x=a; *=b") == "f*x=a|*=b|");
}

TEST_CASE("past the limits parts are opaque") {
    std::string deep;
    for (int i = 0; i < 300; ++i) {
        const std::string name = "b" + std::to_string(i);
        deep += "Content-Type: multipart/mixed; boundary=" + name + "\n\n--" + name + "\n";
    }
    const MimeTree tree = scan_mime(deep);
    CHECK(tree.parts.size() == 100);
    CHECK(tree.parts.back().opaque);
    CHECK(tree.parts.back().body_end == deep.size());

    std::string wide = "Content-Type: multipart/mixed; boundary=a\n\n";
    for (int i = 0; i < 100'000; ++i) wide += "--a\n\nx\n";
    wide += "--a--\nend";
    const MimeTree many = scan_mime(wide);
    CHECK(many.parts.size() == 10'000);
    CHECK(many.parts.back().body_end == wide.size() - 10);

    std::string parameters = "Content-Type: text/plain";
    for (int i = 0; i < 10'000; ++i) parameters += "; p" + std::to_string(i) + "=v";
    CHECK(scan_mime(parameters + "\n\n").root().type.parameters.size() == parameter_limit);

    CHECK(drawn("Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\n"
                "Content-Type: message/rfc822\n\ntwo\n--a\n\nthree\n--a--\n",
                {.parts = 3}) ==
          "multipart/mixed 45 <75> 11\n"
          "  text/plain 2 <one> 0\n"
          "  message/rfc822 opaque 32 <two|--a||three> 3\n");
}

TEST_CASE("a field of ten megabytes is cut and a million fields are walked") {
    const std::string longest = "Content-Description: " + std::string(10'000'000, 'x') + "\n\nbody";
    const MimeTree tree = scan_mime(longest);
    CHECK(tree.root().description.size() < 70'000);
    CHECK(tree.root().size() == 4);
    std::string many;
    for (int i = 0; i < 1'000'000; ++i) many += "Content-X: y\n";
    CHECK(scan_mime(many + "\nbody").root().size() == 4);
}
