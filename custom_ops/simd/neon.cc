// All kernels at level "neon".
#define FM_NEON 1
#define FM_LEVEL_SYMBOL kNeonLevel
#define FM_LEVEL_NUMBER 3
#define FM_LEVEL_NAME "neon"
#include "level_body.hpp"
