// Resident data of a node: opened at the first run, and again only where other bytes come in.
#pragma once

#include <cstring>
#include <memory>
#include <mutex>

#include "../container.hpp"
#include "context.hpp"

namespace fm::ops {

class ResidentSlot {
 public:
  // `input` as resident_input() gave it.
  explicit ResidentSlot(int input) : input_(input) {}

  // Null where the node has none. Sessions run a kernel from several threads at once.
  std::shared_ptr<const Resident> of(const Context& context, const Chain& chain, int dtype) const {
    if (input_ < 0) return nullptr;
    const Tensor tensor = context.input(static_cast<size_t>(input_));
    if (tensor.dtype != ort::kUint8) refuse(kNodeCode, "resident data is not of type uint8");
    const auto* bytes = static_cast<const uint8_t*>(tensor.data);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (opened_ != nullptr && dtype == dtype_ && opened_->data().size() == tensor.elements &&
        std::memcmp(opened_->data().data(), bytes, tensor.elements) == 0) {
      return opened_;
    }
    auto fresh = std::make_shared<Resident>();
    Failure why;
    if (Resident::open(chain, dtype, bytes, tensor.elements, fresh.get(), &why) != FM_OK)
      refuse(why);
    dtype_ = dtype;
    return opened_ = fresh;
  }

 private:
  int input_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Resident> opened_;
  mutable int dtype_ = 0;
};

}  // namespace fm::ops
