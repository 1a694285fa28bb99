//! What bytes that are no ONNX file look like instead, so that the refusal can say what to do.
//! Looks at the first bytes only; never reads further into a foreign format.

use std::fmt;

/// What a file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Looks {
    /// No bytes.
    Empty,
    /// Python pickle or joblib.
    Pickle,
    /// A zip archive written by PyTorch.
    Torch,
    /// A zip archive written by Keras.
    Keras,
    /// Another zip archive.
    Zip,
    /// A gzip or zlib stream; joblib compresses like this.
    Compressed,
    /// HDF5, as older Keras writes it.
    Hdf5,
    /// TensorFlow Lite.
    TensorFlowLite,
    /// Safetensors.
    Safetensors,
    /// GGUF, as llama.cpp reads it.
    Gguf,
    /// A NumPy array.
    Numpy,
    /// An XGBoost model in JSON.
    XgboostJson,
    /// A LightGBM model in text.
    LightgbmText,
    /// Other JSON.
    Json,
    /// A web page or an XML answer, such as an error of an object store.
    Markup,
    /// A Git LFS pointer instead of the file.
    LfsPointer,
    /// Other text.
    Text,
    /// Nothing known.
    Unknown,
}

impl Looks {
    /// The command or the step that leads to an ONNX file.
    #[must_use]
    pub fn help(self) -> Option<&'static str> {
        Some(match self {
            Self::Empty => "export the model again: the file has no content",
            Self::Pickle | Self::Compressed => {
                "load it in Python and export it: skl2onnx.to_onnx(model, X[:1].astype('float32'))"
            }
            Self::Torch => "load it in Python and export it: torch.onnx.export(model, sample, 'model.onnx')",
            Self::Keras | Self::Hdf5 | Self::TensorFlowLite => "convert it with tf2onnx to an .onnx file",
            Self::XgboostJson | Self::LightgbmText => "convert it with onnxmltools (convert_xgboost, convert_lightgbm)",
            Self::Zip => "unpack it: the .onnx file may be inside",
            Self::LfsPointer => "git lfs pull",
            Self::Markup => "download the file again: an error page was saved in its place",
            Self::Json | Self::Text => "check the path: it names another file",
            Self::Safetensors | Self::Gguf | Self::Numpy => "export the whole model: this file has only its weights",
            Self::Unknown => return None,
        })
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Pickle => "a Python pickle (pickle or joblib)",
            Self::Torch => "a PyTorch file",
            Self::Keras => "a Keras file",
            Self::Zip => "a zip archive",
            Self::Compressed => "a compressed file (joblib or gzip)",
            Self::Hdf5 => "an HDF5 file (older Keras)",
            Self::TensorFlowLite => "a TensorFlow Lite file",
            Self::Safetensors => "a safetensors file",
            Self::Gguf => "a GGUF file",
            Self::Numpy => "a NumPy array",
            Self::XgboostJson => "an XGBoost model in JSON",
            Self::LightgbmText => "a LightGBM model in text",
            Self::Json => "JSON",
            Self::Markup => "a web page or XML",
            Self::LfsPointer => "a Git LFS pointer, not the file itself",
            Self::Text => "plain text",
            Self::Unknown => "a format this program does not know",
        })
    }
}

/// The foreign format these bytes have, or none when they may be an ONNX file.
pub(crate) fn sniff(bytes: &[u8]) -> Option<Looks> {
    if bytes.is_empty() {
        return Some(Looks::Empty);
    }
    magic(bytes).or_else(|| text(bytes))
}

/// Formats with a fixed start.
fn magic(bytes: &[u8]) -> Option<Looks> {
    let starts = |prefix: &[u8]| bytes.starts_with(prefix);
    Some(match bytes {
        [0x80, 2..=5, ..] => Looks::Pickle,
        [0x1f, 0x8b, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Looks::Compressed,
        _ if starts(b"PK\x03\x04") => archive(bytes),
        _ if starts(b"\x89HDF\r\n") => Looks::Hdf5,
        _ if starts(b"\x93NUMPY") => Looks::Numpy,
        _ if starts(b"GGUF") => Looks::Gguf,
        _ if bytes.get(4..8) == Some(b"TFL3") => Looks::TensorFlowLite,
        _ if bytes.get(3..8) == Some(b"\0\0\0\0\0") && bytes.get(8) == Some(&b'{') => Looks::Safetensors,
        _ => return None,
    })
}

fn archive(bytes: &[u8]) -> Looks {
    match bytes {
        _ if contains(bytes, b"data.pkl") => Looks::Torch,
        _ if contains(bytes, b"config.json") || contains(bytes, b"model.weights.h5") => Looks::Keras,
        _ => Looks::Zip,
    }
}

/// Formats people can read. An ONNX file starts with the byte 8 (a backspace), which no text does.
fn text(bytes: &[u8]) -> Option<Looks> {
    let head = &bytes[..bytes.len().min(HEAD)];
    let controls = head.iter().any(|&b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r'));
    // A character cut off at the end of the head is no error.
    let readable = !controls && std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true);
    let start = head.trim_ascii_start();
    Some(match start {
        [b'{' | b'[', ..] if contains(head, b"\"learner\"") => Looks::XgboostJson,
        _ if !readable => return None,
        [b'{' | b'[', ..] => Looks::Json,
        [b'<', ..] => Looks::Markup,
        _ if start.starts_with(b"version https://git-lfs") => Looks::LfsPointer,
        _ if start.starts_with(b"tree\n") || start.starts_with(b"tree\r\n") => Looks::LightgbmText,
        _ => Looks::Text,
    })
}

const HEAD: usize = 4096;

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD)];
    head.windows(word.len()).any(|window| window == word)
}
