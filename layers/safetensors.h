#pragma once

#include <stint/runtime/local_update.h>

#include <map>
#include <string>
#include <vector>

namespace stint {

/// Writes tensors (any device, plain) as a safetensors file: f32, bf16, i32, u8. No time stamps: equal tensors make
/// equal files. The file is synced before this returns. Errors: cannot be written.
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads a safetensors file into CPU tensors, in the order of their places in the file. Errors (ErrorKind::data, naming
/// the file): unreadable, truncated, or a header that breaks the format in any way: sizes, overlaps, holes, duplicates.
std::vector<NamedTensor> read_safetensors(const std::string& path,
                                          std::map<std::string, std::string>* metadata = nullptr);

}  // namespace stint
