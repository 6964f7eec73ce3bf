#include <stint/tests/cli/run_program.h>
#include <stint/tests/temporary_directory.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

// What a user may hand us: every line says how it is made (in a shell, in an empty directory), what is run on it, the
// exit code and what standard error must name.
using namespace stint::test;

namespace {

struct BadInput {
  const char* prepare;
  const char* arguments;
  int code;
  std::vector<const char*> names;
};

#define TRAIN "train --model mlp --epochs 1 --batch-size 4 --output runs --experiment x "
#define MNIST TRAIN "--dataset mnist --data-dir m "
#define CIFAR TRAIN "--dataset cifar10 --data-dir c "
#define FOLDER TRAIN "--dataset image-folder --data-dir f "
#define LIBSVM TRAIN "--model logistic --dataset libsvm --data-dir d "

// IDX of 10 images of 2x2 and of 10 labels.
#define IDX_IMAGES \
  "mkdir m; printf '\\0\\0\\10\\3\\0\\0\\0\\12\\0\\0\\0\\2\\0\\0\\0\\2%40s' > m/t10k-images-idx3-ubyte; "
#define IDX_LABELS "printf '\\0\\0\\10\\1\\0\\0\\0\\12\\0\\1\\2\\3\\4\\5\\6\\7\\10\\11' > m/t10k-labels-idx1-ubyte; "
// A whole run, to be resumed.
#define RUN_FIRST "$stint " TRAIN "--recovery-interval 50 >/dev/null; "

const std::vector<BadInput> paths = {
    {"", TRAIN "--dataset mnist", 2, {"data.dir", "mnist needs --data-dir"}},
    {"", TRAIN "--dataset cifar10", 2, {"data.dir", "cifar10 needs --data-dir"}},
    {"", TRAIN "--dataset cifar100", 2, {"cifar100 needs --data-dir"}},
    {"", TRAIN "--dataset image-folder", 2, {"image-folder needs --data-dir"}},
    {"", TRAIN "--dataset libsvm", 2, {"libsvm needs --data-dir"}},
    {"", MNIST, 4, {"m does not exist"}},
    {"", CIFAR, 4, {"c does not exist"}},
    {"", FOLDER, 4, {"f does not exist"}},
    {"", LIBSVM, 4, {"cannot read d: No such file"}},
    {"mkdir d", LIBSVM, 4, {"cannot read d: it is a directory"}},
    {"mkfifo c", CIFAR, 4, {"cannot read c: it is not a regular file"}},
    {"mkdir m", MNIST, 4, {"m has no train-images-idx3-ubyte"}},
    {"mkdir c", CIFAR, 4, {"c has no JPEG or PNG images"}},
    {"mkdir f", FOLDER, 4, {"f has no JPEG or PNG images"}},
    {"mkdir -p f/a; echo > f/a/x.txt", FOLDER, 4, {"f has no JPEG or PNG images"}},
    {"mkdir f; echo > f/x.png", FOLDER, 4, {"f/x.png lies in no folder that names its class"}},
    {"ln -s loop loop", TRAIN "--dataset cifar10 --data-dir loop", 4, {"loop"}},
};

const std::vector<BadInput> idx_files = {
    {IDX_IMAGES, MNIST, 4, {"has the images of t10k, but not its labels"}},
    {IDX_IMAGES ": > m/t10k-labels-idx1-ubyte", MNIST, 4, {"m/t10k-labels-idx1-ubyte has 0 bytes"}},
    {IDX_IMAGES IDX_LABELS "truncate -s 55 m/t10k-images-idx3-ubyte",
     MNIST,
     4,
     {"has 39 bytes of data, its header says 40"}},
    {IDX_IMAGES IDX_LABELS "echo >> m/t10k-images-idx3-ubyte", MNIST, 4, {"has 41 bytes of data"}},
    {IDX_IMAGES IDX_LABELS "cp m/t10k-labels-idx1-ubyte m/t10k-images-idx3-ubyte",
     MNIST,
     4,
     {"begins with 0x00000801"}},
    {IDX_IMAGES IDX_LABELS "printf '\\377\\377\\377\\377' | dd of=m/t10k-images-idx3-ubyte bs=1 seek=4 conv=notrunc",
     MNIST,
     4,
     {"t10k-images-idx3-ubyte states a dimension of 4294967295"}},
    {IDX_IMAGES IDX_LABELS "printf '\\0\\0\\0\\0' | dd of=m/t10k-images-idx3-ubyte bs=1 seek=8 conv=notrunc",
     MNIST,
     4,
     {"states a dimension of 0"}},
    {IDX_IMAGES IDX_LABELS "printf '\\12' | dd of=m/t10k-labels-idx1-ubyte bs=1 seek=10 conv=notrunc",
     MNIST,
     4,
     {"label 10 of sample 2 is not in [0, 10)", "--bad-samples skip"}},
    {IDX_IMAGES IDX_LABELS "gzip m/*; truncate -s 30 m/t10k-images-idx3-ubyte.gz",
     MNIST,
     4,
     {"ubyte.gz cannot be decompressed: it is truncated"}},
    {IDX_IMAGES IDX_LABELS "gzip m/*; printf X | dd of=m/t10k-images-idx3-ubyte.gz bs=1 seek=45 conv=notrunc",
     MNIST,
     4,
     {"t10k-images-idx3-ubyte.gz cannot be decompressed"}},
};

const std::vector<BadInput> cifar_files = {
    {"mkdir c; : > c/data_batch_1.bin", CIFAR, 4, {"c/data_batch_1.bin has 0 bytes, expected a multiple of 3073"}},
    {"mkdir c; head -c 3072 /dev/zero > c/data_batch_1.bin", CIFAR, 4, {"data_batch_1.bin has 3072 bytes"}},
    {"mkdir c; head -c 30730 /dev/zero | tr '\\0' '\\377' > c/data_batch_1.bin",
     CIFAR,
     4,
     {"label 255 of record 0 is not in [0, 10)"}},
    {"mkdir c; head -c 3074 /dev/zero | tr '\\0' '\\200' > c/train.bin",
     TRAIN "--dataset cifar100 --data-dir c",
     4,
     {"c/train.bin: label 128 of record 0 is not in [0, 100)"}},
    {"mkdir c; for i in 1 2 3 5; do head -c 30730 /dev/zero > c/data_batch_$i.bin; done",
     CIFAR,
     4,
     {"data.dir: c has no data_batch_4.bin, but other parts of the training images"}},
    {"mkdir c; head -c 3073 /dev/zero > c/test_batch.bin",
     CIFAR,
     4,
     {"data.dir: c has 1 samples, of which none is for testing: expected 5, or --val-split"}},
    {"mkdir c; head -c 15365 /dev/zero > c/test_batch.bin",
     CIFAR "--batch-size 5",
     2,
     {"a batch of 5 needs at least as many training images, there are 4"}},
};

const std::vector<BadInput> image_files = {
    {"mkdir -p f/a; echo no > f/a/x.jpg", FOLDER, 4, {"f/a/x.jpg cannot be decoded: it is neither JPEG nor PNG"}},
    {"mkdir -p f/a; : > f/a/x.jpg", FOLDER, 4, {"f/a/x.jpg cannot be decoded: it is empty"}},
    {"mkdir -p f/a; printf '\\377\\330\\377' > f/a/x.jpg", FOLDER, 4, {"f/a/x.jpg cannot be decoded"}},
    {"mkdir -p f/a; printf '\\211PNG\\r\\n\\032\\n' > f/a/x.png", FOLDER, 4, {"f/a/x.png cannot be decoded"}},
    {"mkdir -p f/a; printf "
     "'\\211PNG\\r\\n\\032\\n\\0\\0\\0\\15IHDR\\177\\377\\377\\377\\177\\377\\377\\377\\10\\2\\0\\0\\0' > f/a/x.png",
     FOLDER,
     4,
     {"f/a/x.png cannot be decoded"}},
    {"mkdir -p f/a; echo no > f/a/x.jpg", FOLDER "--bad-samples skip", 4, {"f has no image that can be read"}},
    {"mkdir -p f/a; : > f/a/x.png; tar cf f.tar f",
     TRAIN "--dataset image-folder --data-dir f.tar",
     4,
     {"f.tar:f/a/x.png cannot be decoded"}},
};

const std::vector<BadInput> archives = {
    {"mkdir -p f/a; echo 1 > f/a/x.png; tar cf c f; truncate -s 700 c",
     CIFAR,
     4,
     {"tar: c is damaged at byte", "truncated"}},
    {"mkdir -p f/a; echo 1 > f/a/x.png; tar cf c f; printf X | dd of=c bs=1 seek=1030 conv=notrunc",
     CIFAR,
     4,
     {"tar: c is damaged", "checksum of a header"}},
    {"mkdir -p f/a; echo 1 > f/a/x.png; tar czf c f; truncate -s 60 c",
     CIFAR,
     4,
     {"c cannot be decompressed: it is truncated"}},
    {"mkdir -p f/a; echo 1 > f/a/x.png; tar cJf c f; truncate -s 60 c",
     CIFAR,
     4,
     {"c cannot be decompressed: it is truncated"}},
    {"head -c 2000 /dev/urandom > r; xz r; printf XYZ | dd of=r.xz bs=1 seek=900 conv=notrunc; mv r.xz c",
     CIFAR,
     4,
     {"c cannot be decompressed: the xz data is damaged"}},
    {"mkdir -p f/a; echo 1 > f/a/x.txt; tar cf c f", CIFAR, 4, {"c has no JPEG or PNG images"}},
};

const std::vector<BadInput> rows = {
    {": > d", LIBSVM, 4, {"d has no rows"}},
    {"printf '1 1:1\\nx 1:1\\n' > d", LIBSVM, 4, {"d:2: expected a label", "--bad-samples skip"}},
    {"echo '1 1:x' > d", LIBSVM, 4, {"d:1: expected INDEX:VALUE"}},
    {"echo '1 0:1' > d", LIBSVM, 4, {"d:1: expected indices from 1 and ascending"}},
    {"echo '1 99999999999999999999:1' > d", LIBSVM, 4, {"d:1: expected INDEX:VALUE"}},
    {"echo '1 70000:1' > d", LIBSVM, 4, {"d:1: expected indices up to 65536"}},
    {"printf '\\001\\377 noise\\n\\200' > d", LIBSVM, 4, {"d:1: expected"}},
    {"seq 9 > d", LIBSVM "--hflip 0.5", 2, {"libsvm has features, not pictures: leave out --hflip"}},
    {"seq 9 > d", LIBSVM "--mean 1", 2, {"libsvm has features, not pictures: leave out --mean"}},
    {"seq 1001 > d", LIBSVM, 4, {"d has more than 1000 classes"}},
};

const std::vector<BadInput> values = {
    {"", TRAIN "--batch-size 0", 2, {"data.batch_size is '0'"}},
    {"", TRAIN "--batch-size 2000", 2, {"a batch of 2000 needs at least as many training images, there are 1438"}},
    {"", TRAIN "--val-split 1", 2, {"data.val_split is '1'"}},
    {"", TRAIN "--val-split 0.0001", 2, {"data.val_split", "expected at least 1"}},
    {"", TRAIN "--scale 1", 2, {"data.scale: expected LOW,HIGH"}},
    {"", TRAIN "--scale 0.5,2", 2, {"data.scale: expected shares up to 1"}},
    {"", TRAIN "--ratio 2,1 --scale 0.1,1", 2, {"data.ratio: expected LOW,HIGH"}},
    {"", TRAIN "--mean a", 2, {"data.mean is 'a', expected numbers"}},
    {"", TRAIN "--mean 1,2,3", 2, {"data.mean: expected 1 or 1 numbers, got 3"}},
    {"", TRAIN "--std 0", 2, {"data.std: expected numbers above 0"}},
    {"", TRAIN "--hflip 2", 2, {"data.hflip is '2'"}},
    {"", TRAIN "--shard some", 2, {"data.shard: expected iid, sorted, classes:K or dirichlet:ALPHA"}},
    {"", TRAIN "--bad-samples ignore", 2, {"data.bad_samples is 'ignore', expected one of stop, skip"}},
    {"", TRAIN "--num-classes 5", 2, {"data.num_classes: expected at least the data set's 10 classes, got 5"}},
    {"", TRAIN "--grad-accum-steps 1000", 2, {"optim.grad_accum_steps", "fewer than the 1000 of a step"}},
    {"", TRAIN "--mem-budget 1KiB", 3, {"do not fit", "--batch-size"}},
    {"", TRAIN "--model nothing", 2, {"nothing"}},
    {"", TRAIN "--dataset minst", 2, {"did you mean 'mnist'"}},
    {"printf 'optim:\\n  lr: fast\\n' > a.yaml", TRAIN "-c a.yaml", 2, {"a.yaml:2:7", "optim.lr is 'fast'"}},
    {"printf 'a: [1, 2\\n' > a.yaml", TRAIN "-c a.yaml", 2, {"a.yaml:"}},
    {"printf '\\377\\200: [\\001' > a.yaml", TRAIN "-c a.yaml", 2, {"a.yaml"}},
};

const std::vector<BadInput> outputs = {
    {"mkdir -p runs/x; echo keep > runs/x/args.yaml", TRAIN, 2, {"runs/x exists and is never overwritten", "--resume"}},
    {"echo > runs", TRAIN, 2, {"log.output", "runs"}},
    {"", TRAIN "--output /proc/nowhere", 2, {"log.output", "/proc/nowhere"}},
    {"mkdir -p runs/x/metrics.jsonl; echo > runs/x/args.yaml",
     TRAIN "--resume auto",
     4,
     {"metrics.jsonl: it is a directory"}},
};

const std::vector<BadInput> checkpoints = {
    {"", "train --resume nowhere", 2, {"resume: nowhere is no run"}},
    {"mkdir y; echo 1 > y/file", "train --resume y", 2, {"resume: y is no run"}},
    {"", "eval --checkpoint nowhere", 2, {"checkpoint: nowhere is no run, checkpoint or safetensors file"}},
    {"echo no > w.safetensors",
     "eval --checkpoint w.safetensors --model mlp",
     4,
     {"w.safetensors is not a valid safetensors file"}},
    {RUN_FIRST "cp -rL runs/x/checkpoints/last first", "train --resume first", 2, {"resume", "first is of no run"}},
    {RUN_FIRST "cp -rL runs/x/checkpoints/last runs/x/checkpoints/step-0000000001",
     "train --resume runs/x/checkpoints/step-0000000001",
     2,
     {"step-0000000001 is not the newest checkpoint of its run: --resume", "runs/x goes on from step-"}},
    {RUN_FIRST, TRAIN "--resume runs/x --opt adamw", 4, {"optimizer.safetensors is not of this model and optimiser"}},
    {RUN_FIRST, TRAIN "--resume runs/x --model logistic", 4, {"state dict: does not fit the model"}},
    {RUN_FIRST, TRAIN "--resume runs/x --model-ema", 4, {"has no average of the weights: leave out --model-ema"}},
    {RUN_FIRST "truncate -s 100 runs/x/checkpoints/last/model.safetensors",
     "eval --checkpoint runs/x --model mlp",
     4,
     {"last/model.safetensors is damaged: it has 100 bytes"}},
    {RUN_FIRST "for c in runs/x/checkpoints/step-*; do echo > $c/state.json; done",
     TRAIN "--resume runs/x",
     4,
     {"no checkpoint in runs/x/checkpoints is whole", "state.json is damaged"}},
    {RUN_FIRST "rm runs/x/checkpoints/step-*/optimizer.safetensors",
     TRAIN "--resume runs/x",
     4,
     {"optimizer.safetensors is damaged: No such file"}},
};

#define PREDICT "predict --pretrained runs/x --input "

const std::vector<BadInput> predictions = {
    {"printf '1 1:1\\n2 1:2\\n1 1:1\\n2 1:2\\n1 1:1\\n' > d; $stint " LIBSVM "> /dev/null; echo "
     "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgZGIGAAAOAAfXb+R4AAAAAElFTkSuQmCC | "
     "base64 -d > x.png",
     PREDICT "x.png",
     2,
     {"predict: the network was trained on features, not on images"}},
    {RUN_FIRST "echo no > x.jpg", PREDICT "x.jpg", 4, {"image: x.jpg cannot be decoded: it is neither JPEG nor PNG"}},
    {RUN_FIRST, PREDICT "none.png", 4, {"predict: none.png does not exist"}},
    {RUN_FIRST "mkdir d; echo > d/x.txt", PREDICT "d", 4, {"predict: d has no JPEG or PNG images"}},
    {RUN_FIRST, PREDICT "a.safetensors b.png", 2, {"expected one safetensors file as --input, or image files, got 2"}},
    {RUN_FIRST, PREDICT "none.safetensors", 4, {"cannot read none.safetensors"}},
    {RUN_FIRST "echo no > x.jpg", PREDICT "x.jpg --std 0", 2, {"data.std: expected numbers above 0"}},
    {RUN_FIRST "echo no > x.jpg",
     PREDICT "x.jpg --image-size 9",
     4,
     {"state dict: does not fit the model", "fc1.weight"}},
};

/// The values are so large that the first update makes weights with which the next step overflows.
const std::vector<BadInput> divergence = {
    {"", TRAIN "--std 2e-38", 6, {"the loss is", "at step 1: the first operator to make one is linear of fc1", "--lr"}},
    {"", TRAIN "--lr 1e6 --model resnet20 --amp bf16", 6, {"at step", "--lr"}},
};

void check(const std::vector<BadInput>& table) {
  for (const BadInput& line : table) {
    CAPTURE(line.prepare, line.arguments);
    TemporaryDirectory directory;
    if (*line.prepare) run_shell(line.prepare, directory.path());
    Outcome outcome = run_program(line.arguments, directory.path());
    CAPTURE(outcome.err);
    CHECK(outcome.code == line.code);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') <= 3);
    CHECK(outcome.err.starts_with("stint: "));
    for (const char* name : line.names) CHECK_THAT(outcome.err, Catch::Contains(name));
  }
}

}  // namespace

TEST_CASE("bad input: paths") {
  check(paths);
}
TEST_CASE("bad input: IDX files") {
  check(idx_files);
}
TEST_CASE("bad input: CIFAR files") {
  check(cifar_files);
}
TEST_CASE("bad input: images") {
  check(image_files);
}
TEST_CASE("bad input: archives") {
  check(archives);
}
TEST_CASE("bad input: LIBSVM rows") {
  check(rows);
}
TEST_CASE("bad input: values") {
  check(values);
}
TEST_CASE("bad input: outputs") {
  check(outputs);
}
TEST_CASE("bad input: checkpoints") {
  check(checkpoints);
}

TEST_CASE("bad input: predictions") {
  check(predictions);
}

TEST_CASE("a loss that is not finite ends the program with code 6, naming step and first operator") {
  check(divergence);
  TemporaryDirectory directory;
  run_program(divergence[0].arguments, directory.path());
  CHECK(run_shell("grep -q '\"status\": \"failed\"' runs/x/run.json", directory.path()).code == 0);
}

TEST_CASE("there are at least 60 kinds of bad input") {
  std::size_t count = 0;
  for (const auto* table :
       {&paths, &idx_files, &cifar_files, &image_files, &archives, &rows, &values, &outputs, &checkpoints}) {
    count += table->size();
  }
  CHECK(count >= 60);
}

TEST_CASE("bad input that was refused has left nothing, and a run that is there is untouched") {
  TemporaryDirectory directory;
  run_program(TRAIN "--dataset mnist --data-dir none", directory.path());
  CHECK_FALSE(std::filesystem::exists(directory.path() / "runs/x"));
  run_program(TRAIN, directory.path());
  run_shell("cp -a runs before", directory.path());
  CHECK(run_program(TRAIN "--lr 0.5", directory.path()).code == 2);
  CHECK(run_shell("diff -r runs before", directory.path()).code == 0);
}

TEST_CASE("a full disk: the error names the file, and the checkpoint before is still whole") {
  TemporaryDirectory directory;
  std::string path = directory.path();
  if (run_shell("mkdir disk && mount -t tmpfs -o size=2m none disk", path).code != 0) {
    WARN("SKIPPED: mounting a small disk is not allowed here");
    return;
  }
  Outcome outcome = run_program(
      "train --model mlp --epochs 300 --recovery-interval 1 --checkpoint-hist 50 --output disk --experiment x", path);
  CHECK(outcome.code == 1);
  CHECK_THAT(outcome.err, Catch::Contains("cannot write disk/x/") && Catch::Contains("No space left on device"));
  CHECK(run_program("eval --model mlp --checkpoint disk/x", path).code == 0);
  run_shell("umount disk", path);
}
