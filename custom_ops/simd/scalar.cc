// All kernels at level "scalar".
#define FM_SCALAR 1
#define FM_LEVEL_SYMBOL kScalarLevel
#define FM_LEVEL_NUMBER 0
#define FM_LEVEL_NAME "scalar"
#include "level_body.hpp"
