#include "wire/scram.hpp"

#include <catch2/catch.hpp>

using namespace mailhandler;
using wire::ScramClient;

namespace {

// The exchange of RFC 7677 section 3.
constexpr auto challenge =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

ScramClient client() { return {"user", "pencil", "rOprNGfwEbeRWgbNEkqO"}; }

}  // namespace

TEST_CASE("The exchange of RFC 7677") {
    ScramClient scram = client();
    CHECK(scram.first() == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    const auto final = scram.respond(challenge);
    REQUIRE(final);
    CHECK(*final ==
          "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
          "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    CHECK(scram.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
}

TEST_CASE("A login with commas and equals signs is written with escapes") {
    CHECK(ScramClient("a,b=c", "x", "nonce").first() == "n,,n=a=2Cb=3Dc,r=nonce");
}

TEST_CASE("A challenge that is not one ends the login") {
    for (const std::string text :
         {"", "r=rOprNGfwEbeRWgbNEkqO", "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z", "e=other-error",
          "m=mandatory,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
          "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",    // nothing of its own
          "r=somebodyelse,s=W22Z,i=4096",            // not from ours
          "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",       // no salt
          "r=rOprNGfwEbeRWgbNEkqOx,s=W2!Z,i=4096",   // no base64
          "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0", "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-1",
          "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096x", "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=",
          "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=99999999999999",
          "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=100001"}) {
        INFO(text);
        ScramClient scram = client();
        const auto final = scram.respond(text);
        REQUIRE_FALSE(final);
        CHECK_FALSE(final.error().temporary);
    }
}

TEST_CASE("A server that does not know the password is found out") {
    ScramClient scram = client();
    CHECK_FALSE(scram.verify("v="));  // before it was challenged at all
    REQUIRE(scram.respond(challenge));
    for (const std::string text :
         {"", "v=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "e=invalid-proof",
          "v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "6rriTRBi23WpRR/wtup+mMhUZUn"}) {
        INFO(text);
        const auto verified = scram.verify(text);
        REQUIRE_FALSE(verified);
        CHECK_FALSE(verified.error().temporary);
    }
    CHECK(scram.verify("e=invalid-proof").error().cause == "the server says: invalid-proof");
}
