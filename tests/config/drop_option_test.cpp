#include <stint/tests/config/error_of.h>
#include <stint/tools/config/config.h>
#include <stint/tools/config/drop_option.h>

#include <catch2/catch.hpp>

using namespace stint;
using namespace stint::test;

TEST_CASE("a text says what is dropped") {
  auto plain = read_drop("mink");
  REQUIRE(plain);
  CHECK(plain->strategy == DropStrategy::mink);
  CHECK(plain->gamma(0) == 0.9);
  CHECK(plain->operators == std::vector<std::string>{"conv2d", "linear"});
  CHECK(plain->excluded.empty());
  CHECK_FALSE(plain->index);
  auto full = read_drop("nsigma:gamma=0.75,layers=conv,exclude=stem+head+layer1.0,index=int32");
  REQUIRE(full);
  CHECK(full->strategy == DropStrategy::nsigma);
  CHECK(full->gamma(7) == 0.75);
  CHECK(full->operators == std::vector<std::string>{"conv2d"});
  CHECK(full->excluded == std::vector<std::string>{"stem", "head", "layer1.0"});
  CHECK(full->index == DropIndex::int32);
  CHECK(read_drop("random:index=bitmask")->index == DropIndex::bitmask);
  CHECK(read_drop("sampled:index=auto"));
}

TEST_CASE("gammas change with the epoch") {
  auto option = read_drop("mink:gamma=0/0.5@3/0.9@10");
  REQUIRE(option);
  CHECK(option->gamma(0) == 0);
  CHECK(option->gamma(2) == 0);
  CHECK(option->gamma(3) == 0.5);
  CHECK(option->gamma(9) == 0.5);
  CHECK(option->gamma(1000) == 0.9);
}

TEST_CASE("what is no text about dropping is refused") {
  for (const char* text : {"max",
                           "",
                           "mink:",
                           "mink,gamma=0.9",
                           "mink:gamma",
                           "mink:gamma=",
                           "mink:gamma=1",
                           "mink:gamma=-0.1",
                           "mink:gamma=nan",
                           "mink:gamma=0.9x",
                           "mink:gamma=0.9,",
                           "mink:gamma=0.9@",
                           "mink:gamma=0.9@2",
                           "mink:gamma=0.9/0.8",
                           "mink:gamma=0.9/0.8@0",
                           "mink:gamma=0.9/0.8@3/0.7@3",
                           "mink:layers=pool",
                           "mink:layers=conv+",
                           "mink:index=int64",
                           "mink:exclude=",
                           "mink:gamma=0.9,gamma=0.5",
                           "mink:rate=0.9"}) {
    INFO(text);
    CHECK_FALSE(read_drop(text));
  }
  Config config;
  std::string error = usage_error_of([&] { set_option(config, "memory.drop", "mink:gamma=1", "--drop"); });
  CHECK_THAT(error, Catch::StartsWith("--drop: memory.drop is 'mink:gamma=1', expected gamma= a number from 0 to below "
                                      "1") &&
                        Catch::EndsWith(std::string("as in ") + drop_example));
  CHECK(read_drop(drop_example));
}

TEST_CASE("a text about dropping is refused with what is wrong in it") {
  auto names = [](const char* text, const char* expected) {
    INFO(text);
    CHECK_THAT(drop_fault(text), Catch::StartsWith(expected));
  };
  names("mnk:gamma=0.9", "mink, random, nsigma or sampled first: did you mean 'mink'?");
  names("mink:gama=0.9", "gamma=, layers=, exclude= or index= behind the colon: did you mean 'gamma'?");
  names("mink:gamma=0.9,", "gamma=, layers=");
  names("mink:0.9", "gamma=, layers=");
  names("mink:gamma=0.9/0.5", "gamma='s epochs to grow");
  names("mink:gamma=90", "gamma= a number from 0 to below 1");
  names("mink:gamma=0.9,gamma=0.5", "gamma= once");
  names("mink:layers=conv2d", "layers=conv, linear or conv+linear");
  names("mink:index=int16", "index=auto, bitmask or int32");
  CHECK(drop_fault("mink").empty());
}

TEST_CASE("gammas of layers are keyword arguments") {
  Config config;
  set_option(config, "memory.drop_layers", "layer1.0.conv1=0.5", "test");
  set_option(config, "memory.drop_layers.fc", "0", "test");
  CHECK(config.memory.drop_layers == std::map<std::string, std::string>{{"fc", "0"}, {"layer1.0.conv1", "0.5"}});
}
