#include <stint/tools/cli/progress_line.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

using namespace stint;

namespace {

TrainingMoment moment(std::int64_t batch) {
  return {
      .epoch = 1, .epochs = 10, .step = batch, .steps = 200, .loss = 0.51234, .lr = 0.1, .images_per_second = 1234.5};
}

/// What a line shows that is not on a terminal.
std::string shown(std::int64_t interval, std::int64_t steps) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* file = open_memstream(&text, &size);
  ProgressLine line(interval, file);
  for (std::int64_t batch = 1; batch <= steps; ++batch) line.show(moment(batch));
  line.clear();
  std::fclose(file);
  std::string result(text, size);
  std::free(text);
  return result;
}

}  // namespace

TEST_CASE("clock texts") {
  CHECK(clock_text(0) == "0:00");
  CHECK(clock_text(59.6) == "1:00");
  CHECK(clock_text(245) == "4:05");
  CHECK(clock_text(3723) == "1:02:03");
  CHECK(clock_text(1e300) == clock_text(1e9));
}

TEST_CASE("the bar fits every terminal") {
  for (int width = 0; width < 250; ++width) {
    for (std::int64_t batch : {0, 1, 100, 200}) {
      CHECK(progress_bar(moment(batch), 245, width).size() <= static_cast<std::size_t>(std::max(width - 1, 0)));
    }
  }
}

TEST_CASE("the bar grows with the epoch") {
  CHECK(progress_text(moment(100), 245) == "epoch 2/10  step 100/200  loss 0.5123  lr 0.1  1234 images/s  ETA 4:05");
  CHECK(progress_bar(moment(100), 245, 120) ==
        "epoch 2/10  [====================                    ]  step 100/200  loss 0.5123  lr 0.1  1234 images/s  ETA "
        "4:05");
  CHECK(progress_text(moment(1), -1).ends_with("ETA -:--"));
}

TEST_CASE("on a narrow terminal the bar is shorter, and then figures give way to it") {
  CHECK(progress_bar(moment(100), 245, 90) ==
        "epoch 2/10  [=======        ]  step 100/200  loss 0.5123  lr 0.1  1234 images/s  ETA 4:05");
  CHECK(progress_bar(moment(100), -1, 80) ==
        "epoch 2/10  [======       ]  step 100/200  loss 0.5123  1234 images/s  ETA -:--");
  CHECK(progress_bar(moment(100), -1, 60) == "epoch 2/10  [====    ]  step 100/200  loss 0.5123  ETA -:--");
}

TEST_CASE("of several workers a line tells rounds, waiting and bytes by purpose") {
  TrainingMoment m = moment(100);
  m.sync_wait = 0.034;
  m.sync.emplace();
  m.sync->rounds = 12;
  m.sync->traffic.sent = {3 << 20, 0, 512};
  m.sync->traffic.received = {1 << 20};
  CHECK_THAT(progress_bar(m, 245, 150), Catch::EndsWith("1234 images/s  rounds 12  wait 3%  ETA 4:05"));
  CHECK_THAT(progress_text(m, 245),
             Catch::EndsWith("ETA 4:05  sent 3.00 MiB (gradient 3.00 MiB, index 512 B)  received "
                             "1.00 MiB (gradient 1.00 MiB)"));
}

TEST_CASE("away from a terminal there is a plain line every interval") {
  std::string text = shown(50, 120);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
  CHECK(text.find("step 50/200") != std::string::npos);
  CHECK(text.find("step 100/200") != std::string::npos);
  CHECK(text.find_first_of("\r\x1b") == std::string::npos);
  CHECK(shown(50, 49) == "");
}
