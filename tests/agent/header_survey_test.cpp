// Which header would place how many messages, as the survey of a first run tells.
#include "agent/header_survey.hpp"

#include <catch2/catch.hpp>

#include "collected_mail.hpp"

using namespace office;

TEST_CASE("a survey tells which header would place how many") {
    const auto settings = office::fetch();
    const auto domains = office::directory();
    HeaderSurvey survey(settings, domains, office::today);
    const auto add = [&](const std::string& head) {
        survey.add(judge(settings, domains, office::today, head + received + rest));
    };
    add("X-POP3-Rcpt: example.com\r\nDelivered-To: anne@example.com\r\n");
    add("X-POP3-Rcpt: example.com\r\nDelivered-To: zzz@example.com\r\n");
    add("X-POP3-Rcpt: example.com\r\nDelivered-To: anne@example.com\r\n");
    add("");
    CHECK(survey.messages() == 4);
    CHECK(survey.placed() == 2);
    CHECK(survey.without_header() == 1);
    const auto& useless = survey.headers().at(1);
    CHECK(useless.name == "X-POP3-Rcpt");
    CHECK(useless.messages == 3);
    CHECK(useless.decided == 0);
    CHECK(useless.placed == 0);
    CHECK(useless.values.at("example.com").messages == 3);
    const auto& good = survey.headers().at(5);
    CHECK(good.decided == 3);
    CHECK(good.placed == 2);
    CHECK(good.values.at("anne@example.com").fate == "anne@example.com");
    CHECK(good.values.at("zzz@example.com").fate == "bounced or held");
    CHECK(survey.words() ==
          std::vector<std::string>{
              "X-POP3-Rcpt: in 3 of 4 messages; 1 distinct values; 0 would be placed by it: "
              "example.com (the login, skipped)",
              "Delivered-To: in 3 of 4 messages; 2 distinct values; 2 would be placed by it: "
              "anne@example.com (anne@example.com), zzz@example.com (bounced or held)",
              "no envelope header that decides in 1 of 4 messages"});
    for (int i = 0; i < 2000; ++i) add("X-Rcpt-To: u" + std::to_string(i) + "@example.net\r\n");
    CHECK(survey.headers().at(0).values.size() == HeaderSurvey::most_values);
    CHECK(survey.headers().at(0).more == 1000);
    CHECK(survey.headers().at(0).placed == 2000);
}
