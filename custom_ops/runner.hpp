// How independent blocks are spread over threads; the operators plug onnxruntime's pool in here.
#pragma once

#include <cstddef>

namespace fm {

// `parallel` calls task(context, i) once for every i < count, in any order, on any threads, and
// returns when all are done. The default runs them one after the other on the calling thread.
struct Runner {
  void (*parallel)(void* self, void (*task)(void* context, size_t index), size_t count,
                   void* context);
  void* self;

  Runner() : parallel(&Runner::serial), self(nullptr) {}
  Runner(decltype(parallel) function, void* owner) : parallel(function), self(owner) {}

  void run(void (*task)(void* context, size_t index), size_t count, void* context) const {
    parallel(self, task, count, context);
  }

 private:
  static void serial(void*, void (*task)(void* context, size_t index), size_t count,
                     void* context) {
    for (size_t i = 0; i < count; ++i) task(context, i);
  }
};

}  // namespace fm
