//! mlstack-onnx
