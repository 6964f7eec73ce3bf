#include <stint/runtime/error.h>
#include <stint/tests/data/files.h>
#include <stint/tests/shared_data.h>
#include <stint/tests/temporary_directory.h>
#include <stint/tools/data/cifar.h>
#include <stint/tools/data/file_tree.h>
#include <stint/tools/data/idx.h>
#include <stint/tools/data/image_folder.h>
#include <stint/tools/data/libsvm.h>
#include <stint/tools/data/tar.h>

#include <catch2/catch.hpp>
#include <filesystem>

using namespace stint;
using namespace stint::test;
namespace fs = std::filesystem;

namespace {

using Ints = std::vector<int>;

Ints ints(const Bytes& bytes, std::size_t begin, std::size_t count) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(begin),
          bytes.begin() + static_cast<std::ptrdiff_t>(begin + count)};
}

/// Every proper beginning of a file must be refused as data, and by name.
template <typename Read>
void refuses_beginnings(const Bytes& whole, std::size_t stride, const Read& read) {
  for (std::size_t length = 0; length < whole.size(); length += stride) {
    INFO(length << " of " << whole.size() << " bytes");
    Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    try {
      read(part);
      FAIL("it was read");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::data);
      CHECK_THAT(error.what(), Catch::Contains("the-file"));
    }
  }
}

}  // namespace

TEST_CASE("gzip and xz come back, in members too, and nothing less than whole", "[data]") {
  Bytes data = idx({3, 100, 100});
  CHECK(decompress(data, "x") == data);
  for (const Bytes& packed : {gzip(data), xz(data)}) {
    CHECK(packed.size() < data.size());
    CHECK(decompress(packed, "x") == data);
    Bytes twice = packed, both = data;
    twice.insert(twice.end(), packed.begin(), packed.end());
    both.insert(both.end(), data.begin(), data.end());
    CHECK(decompress(twice, "x") == both);
    Bytes tail = packed;
    tail.push_back('x');
    CHECK_THROWS_WITH(decompress(tail, "the-file"), Catch::Contains("the-file cannot be decompressed"));
    CHECK_THROWS_WITH(decompress(packed, "the-file", 1000), "data: the-file holds more than 1000 bytes");
    for (std::size_t length = 8; length < packed.size(); length += 7) {
      Bytes part(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(length));
      CHECK_THROWS_WITH(decompress(part, "the-file"),
                        Catch::Contains("the-file cannot be decompressed: it is truncated"));
    }
    Bytes flipped = packed;
    flipped[packed.size() / 2] ^= 4;
    CHECK_THROWS_WITH(decompress(flipped, "the-file"), Catch::Contains("is damaged"));
  }
}

TEST_CASE("a tar archive: names, prefixes, long names, and every byte of a header guarded", "[data]") {
  Bytes archive = tar({{"a/b.txt", bytes_of("hello")}, {"empty", {}}, {"c", Bytes(512, 'x')}});
  auto entries = list_tar(archive, "t");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].name == "a/b.txt");
  CHECK(std::string(archive.begin() + static_cast<std::ptrdiff_t>(entries[0].offset),
                    archive.begin() + static_cast<std::ptrdiff_t>(entries[0].offset + entries[0].size)) == "hello");
  CHECK(entries[1].size == 0);
  CHECK(entries[2].size == 512);
  for (std::size_t at = 0; at < 512; ++at) {
    if (at == 155) continue;  // behind the end of the checksum
    Bytes flipped = archive;
    flipped[at] ^= 1;
    INFO("byte " << at);
    CHECK_THROWS_AS(list_tar(flipped, "t"), Error);
  }
  refuses_beginnings(Bytes(archive.begin(), archive.end() - 1024), 100,
                     [](const Bytes& b) { list_tar(b, "the-file"); });

  TemporaryDirectory directory;
  std::string name(180, 'n');
  fs::create_directories(directory.path() / "in" / name);
  write_bytes(directory.path() / "in" / name / "file.bin", bytes_of("deep"));
  fs::create_hard_link(directory.path() / "in" / name / "file.bin", directory.path() / "in" / name / "link.bin");
  for (const char* format : {"gnu", "pax"}) {  // ustar has no room for this name
    std::string path = directory.path() / (std::string(format) + ".tar");
    std::string command =
        "tar --format=" + std::string(format) + " -C " + (directory.path() / "in").string() + " -cf " + path + " .";
    REQUIRE(std::system(command.c_str()) == 0);
    FileTree tree(path);
    REQUIRE(tree.count() == 2);
    CHECK(tree.name(0) == name + "/file.bin");
    CHECK(tree.name(1) == name + "/link.bin");
    for (int file : {0, 1}) CHECK(tree.read(file) == bytes_of("deep"));
  }
}

TEST_CASE("a hard link in a tar archive is the file that it leads to", "[data]") {
  TemporaryDirectory directory;
  fs::create_directories(directory.path() / "in");
  write_bytes(directory.path() / "in/a", bytes_of("one"));
  fs::create_hard_link(directory.path() / "in/a", directory.path() / "in/b");
  auto pack = [&](const char* more) {
    std::string path = directory.path() / "t.tar";
    std::string command = "cd " + directory.path().string() + "; tar --format=ustar -cf t.tar in/a in/b " + more;
    REQUIRE(std::system(command.c_str()) == 0);
    return path;
  };
  FileTree tree(pack(""));
  REQUIRE(tree.count() == 2);
  CHECK(tree.read(1) == bytes_of("one"));
  CHECK_THROWS_WITH(FileTree(pack("; tar --delete -f t.tar in/a")),
                    Catch::Contains("t.tar is damaged") && Catch::Contains("hard link leads to is not before it"));
}

TEST_CASE("a folder and its archives are the same tree", "[data]") {
  TemporaryDirectory directory;
  fs::create_directories(directory.path() / "in/x/.hidden");
  write_bytes(directory.path() / "in/x/one", bytes_of("1"));
  write_bytes(directory.path() / "in/two.gz", gzip(bytes_of("2")));
  write_bytes(directory.path() / "in/x/.hidden/no", bytes_of("3"));
  Bytes archive = tar({{"./x/one", bytes_of("1")}, {"two.gz", gzip(bytes_of("2"))}, {"x/.hidden/no", bytes_of("3")}});
  write_bytes(directory.path() / "a.tar", archive);
  write_bytes(directory.path() / "a.tar.gz", gzip(archive));
  write_bytes(directory.path() / "a.tar.xz", xz(archive));
  for (const char* path : {"in", "a.tar", "a.tar.gz", "a.tar.xz"}) {
    INFO(path);
    FileTree tree(directory.path() / path);
    REQUIRE(tree.count() == 2);
    CHECK(tree.name(0) == "two.gz");
    CHECK(tree.name(1) == "x/one");
    CHECK(tree.read(0) == bytes_of("2"));
    CHECK(tree.read(1) == bytes_of("1"));
    CHECK(tree.find("two") == 0);
    CHECK(tree.find("one") == 1);
    CHECK(tree.find("three") == -1);
  }
  CHECK_THROWS_WITH(FileTree(directory.path() / "none"), Catch::Contains("none does not exist"));
}

TEST_CASE("IDX files, and what is wrong with them", "[data]") {
  BadSamples stop(false);
  ImageSet set = read_idx(idx({20, 4, 5}), "i", idx({20}, 10), "l", stop);
  CHECK(set.count() == 20);
  CHECK(set.height == 4);
  CHECK(set.width == 5);
  CHECK(set.labels[13] == 3);
  CHECK(ints(set.pixels, 20, 3) == Ints{20, 21, 22});
  refuses_beginnings(idx({20, 4, 5}), 9, [&](const Bytes& b) { read_idx(b, "the-file", idx({20}, 10), "l", stop); });
  refuses_beginnings(idx({20}, 10), 3, [&](const Bytes& b) { read_idx(idx({20, 4, 5}), "i", b, "the-file", stop); });
  CHECK_THROWS_WITH(read_idx(idx({20}), "i", idx({20}, 10), "l", stop), Catch::Contains("i begins with 0x00000801"));
  CHECK_THROWS_WITH(read_idx(idx({20, 4, 5}), "i", idx({19}, 10), "l", stop),
                    Catch::Contains("l has 19 labels, i has 20"));
  Bytes absurd = idx({1, 1, 1});
  absurd[4] = absurd[8] = 0xff;
  CHECK_THROWS_WITH(read_idx(absurd, "i", idx({1}, 10), "l", stop),
                    Catch::Contains("i states a dimension of 4278190081"));
  Bytes labels = idx({20}, 10);
  labels[8 + 7] = 10;
  CHECK_THROWS_WITH(read_idx(idx({20, 4, 5}), "i", labels, "l", stop), Catch::Contains("l: label 10 of sample 7"));
  BadSamples skip(true);
  CHECK(read_idx(idx({20, 4, 5}), "i", labels, "l", skip).count() == 19);
  CHECK(skip.note() == "1 sample was skipped, the first: idx: l: label 10 of sample 7 is not in [0, 10)");
}

TEST_CASE("MNIST under its file names, whole or in part", "[data]") {
  TemporaryDirectory directory;
  BadSamples stop(false);
  auto put = [&](const char* part, std::uint32_t count) {
    write_bytes(directory.path() / (std::string(part) + "-images-idx3-ubyte.gz"), gzip(idx({count, 6, 6})));
    write_bytes(directory.path() / (std::string(part) + "-labels-idx1-ubyte"), idx({count}, 10));
  };
  CHECK_THROWS_WITH(load_mnist(directory.path(), stop), Catch::Contains("has no train-images-idx3-ubyte"));
  put("t10k", 10);
  DataSet half = load_mnist(directory.path(), stop);
  CHECK(half.train.count() == 8);
  CHECK(half.test.labels == std::vector<std::int32_t>{4, 9});
  CHECK(half.notes.size() == 1);
  put("train", 30);
  DataSet whole = load_mnist(directory.path(), stop);
  CHECK(whole.train.count() == 30);
  CHECK(whole.test.count() == 10);
  write_bytes(directory.path() / "my-images-idx3", idx({5, 6, 6}));
  write_bytes(directory.path() / "my-labels-idx1", idx({5}, 10));
  CHECK(load_mnist(directory.path() / "my-images-idx3", stop).train.count() == 4);
  fs::remove(directory.path() / "train-labels-idx1-ubyte");
  CHECK_THROWS_WITH(load_mnist(directory.path(), stop), Catch::Contains("has the images of train, but not its labels"));
}

TEST_CASE("CIFAR's binary files", "[data]") {
  TemporaryDirectory directory;
  BadSamples stop(false);
  for (bool hundred : {false, true}) {
    ImageSet set = empty_cifar(hundred);
    read_cifar(cifar(12, hundred), "f", hundred, set, stop);
    CHECK(set.count() == 12);
    CHECK(set.labels[11] == (hundred ? 11 : 1));
    CHECK(ints(set.pixels, 3 * 1024 * 2 + 3 * 32, 6) == Ints{3, 53, 103, 3, 53, 103});  // image 2, row 1: HWC
    refuses_beginnings(cifar(2, hundred), 1000, [&](const Bytes& b) {
      if (b.size() % (hundred ? 3074 : 3073) == 0 && !b.empty()) fail(ErrorKind::data, "the-file", "whole records");
      read_cifar(b, "the-file", hundred, set, stop);
    });
  }
  Bytes damaged = cifar(3, false);
  damaged[3073] = 10;
  ImageSet set = empty_cifar(false);
  CHECK_THROWS_WITH(read_cifar(damaged, "f", false, set, stop),
                    Catch::Contains("f: label 10 of record 1 is not in [0, 10)"));

  fs::create_directories(directory.path() / "cifar-10-batches-bin");
  write_bytes(directory.path() / "cifar-10-batches-bin/data_batch_1.bin", cifar(10, false));
  write_bytes(directory.path() / "cifar-10-batches-bin/data_batch_2.bin", cifar(10, false));
  write_bytes(directory.path() / "cifar-10-batches-bin/data_batch_4.bin", cifar(10, false));
  CHECK_THROWS_WITH(
      load_cifar(directory.path(), false, stop),
      Catch::EndsWith(" has no data_batch_3.bin, data_batch_5.bin, but other parts of the training images"));
  write_bytes(directory.path() / "cifar-10-batches-bin/data_batch_3.bin", cifar(10, false));
  write_bytes(directory.path() / "cifar-10-batches-bin/data_batch_5.bin", cifar(10, false));
  CHECK(load_cifar(directory.path(), false, stop).test.count() == 10);
  write_bytes(directory.path() / "cifar-10-batches-bin/test_batch.bin", cifar(10, false));
  CHECK(load_cifar(directory.path(), false, stop).train.count() == 50);
  CHECK(load_cifar(directory.path(), false, stop).test.class_names.empty());
  write_bytes(directory.path() / "cifar-10-batches-bin/batches.meta.txt", bytes_of("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n"));
  CHECK(load_cifar(directory.path(), false, stop).test.class_names[9] == "j");
  Bytes archive = tar({{"cifar-100-binary/train.bin", cifar(7, true)}, {"cifar-100-binary/test.bin", cifar(5, true)}});
  write_bytes(directory.path() / "hundred.tar.gz", gzip(archive));
  DataSet hundred = load_cifar(directory.path() / "hundred.tar.gz", true, stop);
  CHECK(hundred.train.count() == 7);
  CHECK(hundred.test.count() == 5);
  CHECK(hundred.train.classes == 100);
}

TEST_CASE("LIBSVM text", "[data]") {
  BadSamples stop(false);
  auto rows = parse_libsvm("+1 1:0.5 3:-2e1\n# remark\n\n-1\t2:+1 \r\n", "f", stop);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].label == 1);
  CHECK(rows[0].features == std::vector<std::pair<std::int64_t, float>>{{1, 0.5f}, {3, -20.0f}});
  CHECK(rows[1].label == -1);
  CHECK(rows[1].features == std::vector<std::pair<std::int64_t, float>>{{2, 1.0f}});
  for (auto [line, problem] : std::vector<std::pair<const char*, const char*>>{{"x 1:1", "expected a label"},
                                                                               {"nan 1:1", "expected a label"},
                                                                               {"1x 1:1", "expected a label"},
                                                                               {"1 1", "expected INDEX:VALUE"},
                                                                               {"1 1:", "expected INDEX:VALUE"},
                                                                               {"1 1:2x", "expected INDEX:VALUE"},
                                                                               {"1 1:inf", "expected INDEX:VALUE"},
                                                                               {"1 0:2", "from 1 and ascending"},
                                                                               {"1 -3:2", "from 1 and ascending"},
                                                                               {"1 2:2 2:3", "from 1 and ascending"},
                                                                               {"1 65537:2", "up to 65536"}}) {
    INFO(line);
    CHECK_THROWS_WITH(parse_libsvm(std::string("1 1:1\n") + line, "f", stop),
                      Catch::Contains("f:2: ") && Catch::Contains(problem));
  }
  TemporaryDirectory directory;
  write_bytes(directory.path() / "d", bytes_of("2 1:1\n-1 2:1\n2 1:1\n2 1:1\n7 4:3\n"));
  DataSet split = load_libsvm(directory.path() / "d", stop);
  CHECK(split.train.count() == 4);
  CHECK(split.train.channels == 4);
  CHECK(split.train.classes == 3);
  CHECK(split.train.mean.empty());
  CHECK(split.test.labels == std::vector<std::int32_t>{2});
  CHECK(split.test.features == std::vector<float>{0, 0, 0, 3});
  write_bytes(directory.path() / "d.t", bytes_of("-1 6:1\n"));
  DataSet both = load_libsvm(directory.path() / "d", stop);
  CHECK(both.train.channels == 6);
  CHECK(both.test.labels == std::vector<std::int32_t>{0});
}

TEST_CASE("images in folders: classes, parts, sizes, damaged files", "[data]") {
  TemporaryDirectory directory;
  BadSamples stop(false), skip(true);
  auto put = [&](const std::string& name, const Bytes& data) {
    fs::create_directories((directory.path() / name).parent_path());
    write_bytes(directory.path() / name, data);
  };
  auto load = [&](std::int64_t size, BadSamples& bad, const char* part = "in") {
    return load_image_folder(std::make_shared<FileTree>(directory.path() / part), size, bad);
  };
  put("in/set/train/cat/1.png", plain_png(4, 4, 1, 2, 3));
  put("in/set/train/dog/2.PNG", plain_png(4, 4, 4, 5, 6));
  put("in/set/val/dog/3.png", plain_png(4, 4, 7, 8, 9));
  put("in/set/val/dog/remark.txt", bytes_of("no image"));
  DataSet data = load(0, stop);
  CHECK(data.train.labels == std::vector<std::int32_t>{0, 1});
  CHECK(data.test.labels == std::vector<std::int32_t>{1});
  CHECK(data.train.class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(ints(data.train.pixels, 48, 3) == Ints{4, 5, 6});
  CHECK(data.train.height == 4);

  put("in/set/train/cat/bad.png", bytes_of("\x89PNG\r\n\x1a\n"));
  CHECK_THROWS_WITH(load(0, stop), Catch::Contains("set/train/cat/bad.png cannot be decoded") &&
                                       Catch::Contains("--bad-samples skip"));
  CHECK(load(0, skip).train.count() == 2);
  CHECK(skip.count() == 1);
  fs::remove(directory.path() / "in/set/train/cat/bad.png");

  put("in/set/train/cat/other.png", plain_png(5, 4, 0, 0, 0));
  CHECK_THROWS_WITH(load(0, stop), Catch::Contains("several sizes: give --image-size"));
  DataSet files = load(8, stop);
  CHECK(files.train.files);
  CHECK(files.train.count() == 3);
  CHECK(files.train.pixels.empty());

  for (int i = 0; i < 5; ++i)
    put("flat/c" + std::to_string(i % 2) + "/" + std::to_string(i) + ".png", plain_png(4, 4, 0, 0, 0));
  CHECK(load(0, stop, "flat").test.count() == 1);
  put("loose/1.png", plain_png(4, 4, 0, 0, 0));
  CHECK_THROWS_WITH(load(0, stop, "loose"), Catch::Contains("lies in no folder that names its class"));
  fs::create_directories(directory.path() / "empty");
  CHECK_THROWS_WITH(load(0, stop, "empty"), Catch::Contains("has no JPEG or PNG images"));
}

TEST_CASE("folders of parts: all images lie in one, and of two test folders one counts", "[data]") {
  TemporaryDirectory directory;
  BadSamples stop(false);
  auto put = [&](const std::string& name) {
    fs::create_directories((directory.path() / name).parent_path());
    write_bytes(directory.path() / name, plain_png(4, 4, 0, 0, 0));
  };
  auto load = [&](const char* folder) {
    return load_image_folder(std::make_shared<FileTree>(directory.path() / folder), 0, stop);
  };
  for (const char* part : {"Train", "val", "test"}) {
    for (const char* name : {"cat", "dog"}) put(std::string("three/") + part + "/" + name + "/1.png");
  }
  put("three/val/dog/2.png");
  put("three/val/emu/1.png");
  DataSet three = load("three");
  CHECK(three.train.class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(three.train.count() == 2);
  CHECK(three.test.count() == 2);  // of test alone
  CHECK(three.notes == std::vector<std::string>{"image-folder: test/ is used, val/ is left out"});
  put("words/training/cat/1.png");
  put("words/testing/cat/1.png");
  CHECK(load("words").train.class_names == std::vector<std::string>{"cat"});
  CHECK(load("words").test.count() == 1);

  for (const char* odd : {"test/00.png", "unlabelled/00.png", "more/cat/00.png", "00.png"}) {
    INFO(odd);
    fs::remove_all(directory.path() / "three/test");
    put(std::string("three/") + odd);
    CHECK_THROWS_WITH(load("three"), Catch::Contains(std::string("three/") + odd + " does not lie in PART/CLASS/"));
    fs::remove(directory.path() / "three" / odd);
  }
  put("flat/train/1.png");
  put("flat/test/2.png");
  CHECK_THROWS_WITH(load("flat"), Catch::Contains("flat/test/2.png does not lie in PART/CLASS/"));
  for (int i = 0; i < 5; ++i) put(fmt::format("vehicles/train/{}.png", i)), put(fmt::format("vehicles/car/{}.png", i));
  CHECK(load("vehicles").train.class_names == std::vector<std::string>{"car", "train"});
}

TEST_CASE("the real files: CIFAR-10 as JPEG, MNIST's test digits, a9a", "[data]") {
  BadSamples stop(false);
  if (std::string path = shared_data("cifar10-images.tar.xz"); !path.empty()) {
    DataSet data = load_cifar(path, false, stop);
    CHECK(data.train.count() == 50000);
    CHECK(data.test.count() == 10000);
    CHECK(data.train.class_names.front() == "airplane");
    std::vector<int> counts(10);
    for (std::int32_t label : data.train.labels) ++counts[label];
    CHECK(counts == std::vector<int>(10, 5000));
    double sum = 0;
    for (std::size_t i = 0; i < data.train.pixels.size(); i += 3) sum += data.train.pixels[i];
    CHECK(sum / (50000.0 * 1024) / 255 == Approx(0.4914).epsilon(0.005));  // the mean of red, as published
  }
  if (std::string path = shared_data("t10k-images-idx3-ubyte.gz"); !path.empty()) {
    DataSet data = load_mnist(path, stop);
    CHECK(data.train.count() == 8000);
    CHECK(data.test.count() == 2000);
    CHECK(data.train.labels[0] == 7);  // the first test digit is a seven
  }
  if (std::string path = shared_data("a9a.t"); !path.empty()) {
    DataSet data = load_libsvm(path, stop);
    CHECK(data.train.count() + data.test.count() == 16281);
    CHECK(data.train.classes == 2);
    CHECK(data.train.channels <= 123);
    CHECK(data.train.channels >= 120);
  }
}
