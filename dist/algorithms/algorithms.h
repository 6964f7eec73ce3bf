#pragma once

#include <stint/dist/algorithm.h>
#include <stint/dist/arguments.h>

/// One function a paper: reads its keys and gives the maker. `compressor` is the text of --compress, empty without.
namespace stint::dist {

AlgorithmMaker sync_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker local_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker large_batch_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker cr_psgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker easgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker pipe_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker liec_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker stl_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker vrl_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker cocod_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker mem_sgd(Arguments& arguments, const std::string& compressor);
AlgorithmMaker double_squeeze(Arguments& arguments, const std::string& compressor);
AlgorithmMaker cser(Arguments& arguments, const std::string& compressor);
AlgorithmMaker neolithic(Arguments& arguments, const std::string& compressor);

}  // namespace stint::dist
