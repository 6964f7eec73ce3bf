#pragma once

#include <stint/dist/algorithms/stl_stages.h>
#include <stint/dist/arguments.h>

namespace stint::dist {

/// `variant=sc|nc1|nc2,iid=true|false,period=k_1,stage=T_1,proximal=1/gamma`: the keys of `stl`. Errors
/// (ErrorKind::usage): a proximal term with variant=sc.
StlOptions read_stl_options(Arguments& arguments);

}  // namespace stint::dist
