"""onnx_ir passes that apply a Plan to a model and undo it."""
