// All kernels at level "avx2".
#define FM_AVX2 1
#define FM_LEVEL_SYMBOL kAvx2Level
#define FM_LEVEL_NUMBER 1
#define FM_LEVEL_NAME "avx2"
#include "level_body.hpp"
