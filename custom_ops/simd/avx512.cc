// All kernels at level "avx512".
#define FM_AVX512 1
#define FM_AVX2 1
#define FM_LEVEL_SYMBOL kAvx512Level
#define FM_LEVEL_NUMBER 2
#define FM_LEVEL_NAME "avx512"
#include "level_body.hpp"
