// A message as a host hands it over, whose lines can be put together otherwise, and what sorting
// makes of it as text.
#pragma once

#include <string>

#include "agent/header_survey.hpp"
#include "office.hpp"

namespace office {

using namespace mailhandler::agent;

inline const std::string genuine =
    "Return-Path: <sam@sender.example>\r\n"
    "Authentication-Results: host.example; spf=pass smtp.mailfrom=sam@sender.example\r\n";
inline const std::string received =
    "Received: from mx.sender.example by mail.host.example with ESMTP; Mon, 23 Nov 2026\r\n";
inline const std::string rest =
    "From: sam@sender.example\r\nTo: everybody\r\nMessage-ID: <1@sender.example>\r\n"
    "Subject: hello\r\n\r\nbody\r\n";

inline std::string to(const std::string& addresses) {
    return genuine + "X-Rcpt-To: " + addresses + "\r\n" + received + rest;
}

// "anne@example.com | bounced", as dry-run prints it.
inline std::string fates(const Judged& judged) {
    std::string text;
    for (const Fate& fate : judged.fates) text += (text.empty() ? "" : " | ") + fate_text(fate);
    return text;
}

inline std::string fates(const std::string& message, const std::string& settings = {}) {
    return fates(judge(office::fetch(settings), office::directory(), office::today, message));
}

inline const SetAside& aside(const Fate& fate) { return std::get<SetAside>(fate.ends.at(0)); }

inline bool names(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

}  // namespace office
