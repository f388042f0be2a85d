/* The C ABI of libfmpass_ops: payloads from any language without onnxruntime.
 *
 * Functions that return int give an FM_… code and, where they take `why`, a sentence that names the
 * field, stage or block at fault (always terminated, cut to `why_cap`). Nothing here throws, and
 * everything may be called from any thread. */
#ifndef FMPASS_C_API_H_
#define FMPASS_C_API_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define FM_EXPORT __declspec(dllexport)
#else
#define FM_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
  FM_OK = 0,
  FM_E_MAGIC = 1,       /* not a payload */
  FM_E_VERSION = 2,     /* a format version that this library does not read */
  FM_E_TRUNCATED = 3,   /* the bytes end too early, or go on after the end */
  FM_E_HEADER = 4,      /* header fields contradict each other or what the caller expects */
  FM_E_CHECKSUM = 5,    /* header or block bytes were damaged */
  FM_E_CHAIN = 6,       /* chain text does not parse, or is not the payload's chain */
  FM_E_DTYPE = 7,       /* element type unknown, or not accepted by a stage */
  FM_E_CORRUPT = 8,     /* checksums hold, but side data or a block's code cannot be */
  FM_E_CAPACITY = 9,    /* a buffer is too small, or a size passes a limit of the format */
  FM_E_MEMORY = 10,     /* allocation failed */
  FM_E_UNSUPPORTED = 11 /* this machine or library cannot do it */
};

enum { FM_MAX_RANK = 32, FM_FLAG_SELF_CONTAINED = 1, FM_DEFAULT_BLOCK_WORDS = 32768 };

typedef struct fm_buffer fm_buffer;

/* What a payload's header says. `chain` points into the payload (not terminated), NULL unless
 * self-contained. */
typedef struct fm_info {
  int32_t dtype; /* TensorProto.DataType */
  int32_t rank;
  int64_t dims[FM_MAX_RANK];
  uint64_t elements;
  uint64_t tensor_nbytes;
  uint64_t payload_nbytes;
  uint64_t header_nbytes; /* everything before the first block */
  uint32_t side_nbytes;
  uint32_t blocks;
  uint32_t raw_blocks; /* those stored by the raw escape */
  uint32_t block_words;
  uint32_t chain_digest;
  uint32_t self_contained;
  const char* chain;
  uint32_t chain_nbytes;
  uint32_t grid_rank; /* 1, or 3 where blocks are channels x rows x columns */
  uint32_t extents[3];
  uint32_t reserved;
} fm_info;

FM_EXPORT uint32_t fm_abi_version(void); /* 2 */
FM_EXPORT const char* fm_version(void);

/* SIMD levels: 0 scalar, 1 avx2, 2 avx512, 3 neon. The best one is chosen at load;
 * FMPASS_SIMD=scalar|avx2|avx512|neon in the environment overrides it where the machine has it. */
FM_EXPORT int fm_simd_level(void);
FM_EXPORT int fm_set_simd_level(int level);    /* FM_E_UNSUPPORTED where absent */
FM_EXPORT const char* fm_simd_name(int level); /* NULL for an unknown number */

/* JSON into buf (terminated, cut to cap); returns the size needed including the terminator.
 * [{"name","format_id","kind","fields":[{"name","type","default","min","max"}]}] */
FM_EXPORT size_t fm_stages_json(char* buf, size_t cap);

/* Whether the chain parses and takes tensors of this type and rank (rank -1: unknown). */
FM_EXPORT int fm_chain_check(const char* chain, int dtype, int rank, char* why, size_t why_cap);
FM_EXPORT uint32_t fm_chain_digest(const char* chain, int* error);
/* Canonical text into buf (terminated, cut to cap); returns the size needed, 0 if it does not
 * parse. */
FM_EXPORT size_t fm_chain_canonical(const char* chain, char* buf, size_t cap);

/* Calibrated data for the coder of a chain, as the model of an edge carries it. */
typedef struct fm_resident {
  const uint8_t* data; /* NULL: none */
  size_t nbytes;
} fm_resident;

/* One tensor, C order, little-endian, `dims` of `rank`. block_words 0 means the chain's default.
 * `resident` may be NULL; a self-contained payload then carries what it holds, another one only
 * refers to it. Blocks are spread over `threads` threads. */
FM_EXPORT int fm_encode(const char* chain, int dtype, const int64_t* dims, int rank,
                        const void* data, uint32_t block_words, int flags,
                        const fm_resident* resident, int threads, fm_buffer** out, char* why,
                        size_t why_cap);
FM_EXPORT const uint8_t* fm_buffer_data(const fm_buffer* buffer);
FM_EXPORT size_t fm_buffer_nbytes(const fm_buffer* buffer);
FM_EXPORT void fm_buffer_free(fm_buffer* buffer);

/* The same in two steps, into the caller's memory: run says how large the payload is, write writes
 * exactly so many bytes, none after a failure. `data` has to stay as it is until then. An encoder
 * may be used again and keeps the memory that it works in; it is not shared between threads. new
 * gives NULL without memory. */
typedef struct fm_encoder fm_encoder;
FM_EXPORT fm_encoder* fm_encoder_new(void);
FM_EXPORT int fm_encoder_run(fm_encoder* encoder, const char* chain, int dtype, const int64_t* dims,
                             int rank, const void* data, uint32_t block_words, int flags,
                             const fm_resident* resident, int threads, size_t* nbytes, char* why,
                             size_t why_cap);
FM_EXPORT void fm_encoder_write(const fm_encoder* encoder, void* out);
FM_EXPORT void fm_encoder_free(fm_encoder* encoder);

/* Header only: every header check and the header checksum, no block is touched. */
FM_EXPORT int fm_peek(const uint8_t* payload, size_t nbytes, fm_info* out, char* why,
                      size_t why_cap);

/* chain NULL: the payload must be self-contained. out_nbytes must be the tensor's size exactly. */
FM_EXPORT int fm_decode(const char* chain, const uint8_t* payload, size_t nbytes, void* out,
                        size_t out_nbytes, const fm_resident* resident, int threads, char* why,
                        size_t why_cap);

FM_EXPORT uint32_t fm_crc32c(const uint8_t* data, size_t nbytes);

/* Counters that the operators keep for each edge. mode: 0 off, 1 count, 2 audit (decode every
 * payload right after encoding and compare bytes). */
FM_EXPORT void fm_counters_enable(int mode);
FM_EXPORT void fm_counters_reset(void);
/* [{"edge","chain","calls","elements","payload_nbytes","mismatches"}], edges sorted by name. */
FM_EXPORT size_t fm_counters_json(char* buf, size_t cap);

#ifdef __cplusplus
}
#endif
#endif /* FMPASS_C_API_H_ */
