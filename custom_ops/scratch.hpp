// Scratch memory that blocks take and give back, so that threads do not ask the system for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "buffer.hpp"

namespace fm {

class ScratchPool {
 public:
  static constexpr size_t kAlignment = 64;

  // Memory of one block, given back when it goes; `data` is null where there was none.
  class Piece {
   public:
    Piece(ScratchPool* pool, size_t nbytes) : pool_(pool) {
      {
        const std::lock_guard<std::mutex> lock(pool->mutex_);
        if (!pool->free_.empty()) {
          held_ = std::move(pool->free_.back());
          pool->free_.pop_back();
        }
      }
      if (held_.nbytes >= nbytes && held_.memory != nullptr) return;
      held_ = {allocate(nbytes + kAlignment), nbytes};
    }
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;
    ~Piece() {
      if (held_.memory == nullptr) return;
      try {
        const std::lock_guard<std::mutex> lock(pool_->mutex_);
        pool_->free_.push_back(std::move(held_));
      } catch (const std::bad_alloc&) {  // then it is freed
      }
    }
    uint8_t* data() const {
      if (held_.memory == nullptr) return nullptr;
      const auto address = reinterpret_cast<uintptr_t>(held_.memory.get());
      return held_.memory.get() + (kAlignment - address % kAlignment) % kAlignment;
    }

   private:
    ScratchPool* pool_;
    struct Held {
      Buffer memory;
      size_t nbytes = 0;
    } held_;
    friend class ScratchPool;
  };

 private:
  std::mutex mutex_;
  std::vector<Piece::Held> free_;
};

}  // namespace fm
