// The payload container of docs/format.md: one tensor in, one self-describing run of bytes out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "buffer.hpp"
#include "chain.hpp"
#include "failure.hpp"
#include "runner.hpp"

namespace fm {

// Header fields of a payload. `chain_text` points into the payload and is empty unless
// `self_contained`.
struct PayloadInfo {
  int dtype = 0;  // TensorProto.DataType
  int rank = 0;
  int64_t dims[FM_MAX_RANK] = {};
  uint64_t elements = 0;
  uint64_t words = 0;  // of the tensor itself; transforms may change their number and width
  size_t tensor_nbytes = 0;
  size_t header_nbytes = 0;  // everything before the first block
  uint32_t block_words = 0;  // the product of the extents
  uint32_t grid_rank = 0;    // 1: flat blocks; 3: tiles of channels × rows × columns
  uint32_t extents[3] = {};
  uint32_t blocks = 0;
  uint32_t raw_blocks = 0;
  uint32_t side_nbytes = 0;
  uint32_t chain_digest = 0;
  bool self_contained = false;
  std::string_view chain_text;
  const uint8_t* side = nullptr;
  const uint8_t* directory = nullptr;
};

// Calibrated data of a chain's coder, checked and expanded once, then used for any number of tensors.
class Resident {
 public:
  // Refuses chains whose coder takes none, and bytes that are no model for words of this type.
  static int open(const Chain& chain, int dtype, const uint8_t* data, size_t nbytes, Resident* out,
                  Failure* why);
  const std::vector<uint8_t>& data() const { return data_; }
  uint32_t checksum() const { return checksum_; }
  const uint8_t* opened() const { return opened_.get(); }

 private:
  std::vector<uint8_t> data_;
  uint32_t checksum_ = 0;
  Buffer opened_;
};

// Two phases, because the size must be known before the output is allocated:
// run() codes (or, where the coder can tell a block's size cheaply, only measures), nbytes() is
// then exact, and write() lays the payload down. `data` must stay valid and unchanged until
// write() has returned. An Encoder may be used again; it is not shared between threads.
class Encoder {
 public:
  Encoder();
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  // `dims` are non-negative; block_words 0 means the chain's default. With `resident` (which must stay
  // until write() has returned) the model of the coder is not fitted; a self-contained payload
  // carries it, another one its checksum. Returns an FM_ code.
  int run(const Chain& chain, int dtype, const int64_t* dims, int rank, const void* data,
          uint32_t block_words, bool self_contained, const Resident* resident,
          const Runner& runner, Failure* why);
  size_t nbytes() const;
  // `out` has nbytes() bytes.
  void write(uint8_t* out, const Runner& runner) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Checks the whole header, its checksum included; no block is read.
int peek(const uint8_t* payload, size_t nbytes, PayloadInfo* out, Failure* why);

// What decode() checks before it writes, for a caller that allocates the output itself: afterwards
// memory for the tensor is justified by the payload's length. `info` is what peek() gave.
int plausible(const Chain& chain, const uint8_t* payload, const PayloadInfo& info,
              const Resident* resident, Failure* why);

// Decodes into `out`, whose size must be the tensor's exactly. A null chain means that of a
// self-contained payload. Header, directory and side data are checked before the first byte is
// written, and every block's checksum before its code is read; after an error `out` holds
// unspecified bytes. `resident` may be null where the payload carries its coder's model.
int decode(const Chain* chain, const uint8_t* payload, size_t nbytes, void* out, size_t out_nbytes,
           const Resident* resident, const Runner& runner, Failure* why);

}  // namespace fm
