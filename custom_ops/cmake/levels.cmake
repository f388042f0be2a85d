# SIMD levels: one source each, compiled with that level's instructions. Which one runs is decided
# at load (simd/level.cc); which ones exist, here.
set(FMPASS_LEVEL_SOURCES simd/scalar.cc)
set(FMPASS_LEVEL_DEFINITIONS "")
string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
if(APPLE AND CMAKE_OSX_ARCHITECTURES)
  string(TOLOWER "${CMAKE_OSX_ARCHITECTURES}" processor)
endif()

if(MSVC OR FMPASS_MAX_LEVEL STREQUAL "scalar")
  # Only the scalar level: the others are written for the flags of GCC and Clang.
elseif(processor MATCHES "^(x86_64|amd64)$")
  set(avx2 -mavx2 -mbmi -mbmi2 -mpopcnt -mpclmul -msse4.2)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vbmi -mavx512vbmi2
      -mavx512vnni
      -mvpclmulqdq -mprefer-vector-width=512)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND avx512 -Wno-maybe-uninitialized)  # GCC 12 warns about its own intrinsics
  endif()
  set_source_files_properties(simd/avx2.cc PROPERTIES COMPILE_OPTIONS "${avx2}")
  set_source_files_properties(simd/avx512.cc PROPERTIES COMPILE_OPTIONS "${avx512}")
  list(APPEND FMPASS_LEVEL_SOURCES simd/avx2.cc simd/avx512.cc)
  list(APPEND FMPASS_LEVEL_DEFINITIONS FM_HAVE_X86_LEVELS=1)
elseif(processor MATCHES "^(aarch64|arm64)$")
  if(APPLE)  # every Apple processor has the CRC instructions
    set_source_files_properties(simd/neon.cc PROPERTIES COMPILE_OPTIONS "-march=armv8-a+crc")
  endif()
  list(APPEND FMPASS_LEVEL_SOURCES simd/neon.cc)
  list(APPEND FMPASS_LEVEL_DEFINITIONS FM_HAVE_NEON_LEVEL=1)
endif()
