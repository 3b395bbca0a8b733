#include "store/delivery.hpp"

#include <catch2/catch.hpp>

#include "store/leftovers.hpp"
#include "store/maildir_listing.hpp"
#include "support/temporary_directory.hpp"

using namespace mailhandler;
using namespace mailhandler::store;
using mailhandler::test::TemporaryDirectory;

TEST_CASE("A delivery is its parts, what was spilled and what came after, under a name with its size") {
    const TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const Layout layout(root.path());
    auto spilled = open_spill(*disk, layout);
    REQUIRE(spilled);
    REQUIRE((*spilled)->write("body, "));
    REQUIRE((*spilled)->write("spilled; "));
    const std::string maildir = root / "mail/example.com/anne";
    const std::vector<std::string_view> parts = {"stamp; ", "", "header; "};
    auto delivery = Delivery::write(*disk, maildir, "1.a", parts, spilled->get(), "rest");
    REQUIRE(delivery);
    CHECK(delivery->size() == 34);
    CHECK(delivery->path() == maildir + "/new/1.a,S=34,W=34");
    CHECK(list_maildir(*disk, maildir).value().empty());
    std::vector<Delivery> deliveries;
    deliveries.push_back(std::move(*delivery));
    Store store(*disk);
    REQUIRE(store.commit(std::move(deliveries)));
    CHECK(disk::read_file(*disk, maildir + "/new/1.a,S=34,W=34").value() ==
          "stamp; header; body, spilled; rest");
    CHECK(disk->list(maildir + "/tmp").value().empty());
    CHECK(disk->list(layout.spill_dir()).value().empty());
}

TEST_CASE("A delivery that is dropped leaves nothing") {
    const TemporaryDirectory root;
    const auto disk = disk::system_disk();
    const std::string maildir = root / "mail/example.com/anne";
    { REQUIRE(Delivery::write(*disk, maildir, "1.a", {}, nullptr, "x")); }
    CHECK(disk->list(maildir + "/tmp").value().empty());
    CHECK(disk->list(maildir + "/new").value().empty());
}
