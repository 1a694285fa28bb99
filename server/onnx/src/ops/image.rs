//! Operators of small image networks: `Conv`, pooling, `BatchNormalization`. Two spatial dimensions at most.

use crate::error::Fault;
use crate::ops::shape::attribute_ints;
use crate::ops::{Call, Entry, Operator, Outputs, Spec, one, wrong_type};
use crate::tensor::{Data, Tensor};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::onnx("AveragePool", pool),
    Entry::onnx("BatchNormalization", batch_normalization),
    Entry::onnx("Conv", conv),
    Entry::onnx("GlobalAveragePool", global_pool),
    Entry::onnx("GlobalMaxPool", global_pool),
    Entry::onnx("MaxPool", pool),
];

/// An image batch; a signal counts as an image one pixel high.
struct Images<'a> {
    data: &'a [f32],
    count: usize,
    channels: usize,
    size: [usize; 2],
    flat: bool,
}

impl<'a> Images<'a> {
    fn of(tensor: &'a Tensor) -> Result<Self, Fault> {
        let data = tensor.view::<f32>().ok_or_else(|| wrong_type(tensor))?;
        match *tensor.shape() {
            [count, channels, width] => Ok(Self {
                data,
                count,
                channels,
                size: [1, width],
                flat: true,
            }),
            [count, channels, height, width] => Ok(Self {
                data,
                count,
                channels,
                size: [height, width],
                flat: false,
            }),
            ref other => Err(Fault::new(format!("it does not work on shape {other:?}"))),
        }
    }

    fn shape(&self, channels: usize, size: [usize; 2]) -> Vec<usize> {
        let [height, width] = size;
        if self.flat {
            vec![self.count, channels, width]
        } else {
            vec![self.count, channels, height, width]
        }
    }

    /// The pixels of one channel of one image.
    fn plane(&self, image: usize, channel: usize) -> &'a [f32] {
        let size = self.size[0] * self.size[1];
        let start = (image * self.channels + channel) * size;
        &self.data[start..start + size]
    }
}

/// How a window moves over an image, in each direction.
#[derive(Debug, Clone)]
struct Window {
    kernel: Option<[usize; 2]>,
    strides: [usize; 2],
    dilations: [usize; 2],
    /// Before and after, in each direction.
    pads: [[usize; 2]; 2],
    auto: Auto,
    ceil: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auto {
    Given,
    SameUpper,
    SameLower,
    Valid,
}

/// No window, stride, dilation or margin is larger.
const REACH: usize = 1 << 16;

impl Window {
    fn of(spec: &Spec<'_>) -> Result<Self, Fault> {
        let a = &spec.attributes;
        let auto = match a.text("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" => Auto::Given,
            "SAME_UPPER" => Auto::SameUpper,
            "SAME_LOWER" => Auto::SameLower,
            "VALID" => Auto::Valid,
            other => return Err(Fault::new(format!("auto_pad '{other}' is not known"))),
        };
        let pads = match attribute_ints(spec, "pads").as_deref() {
            None => [[0; 2]; 2],
            Some([a, b]) => [[0; 2], [reach(*a, 0)?, reach(*b, 0)?]],
            Some([a, b, c, d]) => [[reach(*a, 0)?, reach(*c, 0)?], [reach(*b, 0)?, reach(*d, 0)?]],
            Some(_) => return Err(Fault::new("only one or two spatial dimensions are supported")),
        };
        Ok(Self {
            kernel: attribute_ints(spec, "kernel_shape").map(|k| pair(&k)).transpose()?,
            strides: pair(a.ints("strides"))?,
            dilations: pair(a.ints("dilations"))?,
            pads,
            auto,
            ceil: a.flag("ceil_mode"),
        })
    }

    /// Where the windows of one direction start (margins counted as negative places), and how many there are.
    fn places(&self, d: usize, size: usize, kernel: usize) -> Result<(usize, usize), Fault> {
        let span = self.dilations[d] * (kernel - 1) + 1;
        let stride = self.strides[d];
        let (before, after) = match self.auto {
            Auto::Given => (self.pads[d][0], self.pads[d][1]),
            Auto::Valid => (0, 0),
            Auto::SameUpper | Auto::SameLower => {
                let needed = (size.div_ceil(stride).max(1) - 1) * stride + span;
                let margin = needed.saturating_sub(size);
                let small = margin / 2;
                if self.auto == Auto::SameUpper {
                    (small, margin - small)
                } else {
                    (margin - small, small)
                }
            }
        };
        let room = (size + before + after).checked_sub(span);
        let room = room.ok_or_else(|| Fault::new(format!("a window of {span} does not fit into {size} pixels")))?;
        let mut count = if self.ceil {
            room.div_ceil(stride)
        } else {
            room / stride
        } + 1;
        if self.ceil && (count - 1) * stride >= size + before {
            count -= 1;
        }
        Ok((before, count))
    }
}

fn reach(value: i64, least: usize) -> Result<usize, Fault> {
    let valid = usize::try_from(value).ok().filter(|v| (least..=REACH).contains(v));
    valid.ok_or_else(|| Fault::new(format!("{value} is out of range for a window")))
}

/// One number for each direction; a signal moves in the second only.
fn pair(values: &[i64]) -> Result<[usize; 2], Fault> {
    match *values {
        [] => Ok([1, 1]),
        [one] => Ok([1, reach(one, 1)?]),
        [height, width] => Ok([reach(height, 1)?, reach(width, 1)?]),
        _ => Err(Fault::new("only one or two spatial dimensions are supported")),
    }
}

/// A window's place over an image: the pixels under it, each with its place in the kernel.
fn under(window: &Window, size: [usize; 2], kernel: [usize; 2], start: [isize; 2], mut f: impl FnMut(usize, usize)) {
    let at = |d: usize, k: usize| {
        let place = start[d].checked_add_unsigned(k * window.dilations[d])?;
        usize::try_from(place).ok().filter(|&p| p < size[d])
    };
    for ky in 0..kernel[0] {
        let Some(y) = at(0, ky) else { continue };
        for kx in 0..kernel[1] {
            if let Some(x) = at(1, kx) {
                f(y * size[1] + x, ky * kernel[1] + kx);
            }
        }
    }
}

/// The start of window `i` in one direction, perhaps in the margin.
fn start(i: usize, stride: usize, before: usize) -> isize {
    isize::try_from(i * stride)
        .unwrap_or(isize::MAX)
        .saturating_sub_unsigned(before)
}

/// The output pixels of a window over an image.
struct Steps {
    before: [usize; 2],
    size: [usize; 2],
}

impl Steps {
    fn new(window: &Window, size: [usize; 2], kernel: [usize; 2]) -> Result<Self, Fault> {
        let (top, height) = window.places(0, size[0], kernel[0])?;
        let (left, width) = window.places(1, size[1], kernel[1])?;
        Ok(Self {
            before: [top, left],
            size: [height, width],
        })
    }

    fn starts<'a>(&'a self, window: &'a Window) -> impl Iterator<Item = [isize; 2]> + 'a {
        let [height, width] = self.size;
        let at = move |d: usize, i: usize| start(i, window.strides[d], self.before[d]);
        (0..height).flat_map(move |y| (0..width).map(move |x| [at(0, y), at(1, x)]))
    }
}

fn conv(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let window = Window::of(spec)?;
    let groups = reach(spec.attributes.int("group").unwrap_or(1), 1)?;
    Ok(Operator::new(move |call| convolve(call, &window, groups)))
}

/// Multiplications that one convolution may take.
const WORK: usize = 1 << 34;

fn convolve(call: &Call<'_>, window: &Window, groups: usize) -> Result<Outputs, Fault> {
    let images = Images::of(call.input(0)?)?;
    let kernels = Images::of(call.input(1)?)?;
    let bias = call
        .optional(2)
        .map(|t| t.view::<f32>().ok_or_else(|| wrong_type(t)))
        .transpose()?;
    let outputs = kernels.count;
    let fits = images.channels == kernels.channels.saturating_mul(groups)
        && outputs.is_multiple_of(groups)
        && bias.is_none_or(|b| b.len() == outputs)
        && kernels.size.iter().all(|&k| (1..=REACH).contains(&k));
    if !fits {
        return Err(Fault::new("the kernels do not fit the image"));
    }
    let steps = Steps::new(window, images.size, kernels.size)?;
    let shape = images.shape(outputs, steps.size);
    let total = call.room(&shape)?;
    let each = kernels.channels.saturating_mul(kernels.size[0] * kernels.size[1]);
    if total.checked_mul(each).is_none_or(|n| n > WORK) {
        return Err(Fault::new(
            "the convolution takes more multiplications than the limits allow",
        ));
    }
    let mut out = Vec::with_capacity(total);
    for image in 0..images.count {
        for output in 0..outputs {
            let first = output / (outputs / groups) * kernels.channels;
            let base = bias.map_or(0.0, |b| b[output]);
            out.extend(steps.starts(window).map(|start| {
                let mut sum = base;
                for channel in 0..kernels.channels {
                    let (pixels, kernel) = (images.plane(image, first + channel), kernels.plane(output, channel));
                    under(window, images.size, kernels.size, start, |p, k| {
                        sum += pixels[p] * kernel[k];
                    });
                }
                sum
            }));
        }
    }
    one(shape, out)
}

fn pool(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let window = Window::of(spec)?;
    let kernel = window.kernel.ok_or_else(|| Fault::new("it has no kernel_shape"))?;
    let largest = spec.name == "MaxPool";
    let margin_counts = spec.attributes.flag("count_include_pad");
    if spec.outputs > 1 {
        return Err(Fault::new("the places of the largest are not supported"));
    }
    Ok(Operator::new(move |call| {
        let images = Images::of(call.input(0)?)?;
        let steps = Steps::new(&window, images.size, kernel)?;
        let shape = images.shape(images.channels, steps.size);
        let mut out = Vec::with_capacity(call.room(&shape)?);
        for image in 0..images.count {
            for channel in 0..images.channels {
                let pixels = images.plane(image, channel);
                out.extend(steps.starts(&window).map(|start| {
                    let (mut max, mut sum, mut n) = (f32::NEG_INFINITY, 0.0, 0.0_f32);
                    under(&window, images.size, kernel, start, |p, _| {
                        max = if pixels[p] > max { pixels[p] } else { max };
                        sum += pixels[p];
                        n += 1.0;
                    });
                    let whole =
                        super::cast::narrow(f64::from(u32::try_from(kernel[0] * kernel[1]).unwrap_or(u32::MAX)));
                    if largest {
                        max
                    } else {
                        sum / if margin_counts { whole } else { n.max(1.0) }
                    }
                }));
            }
        }
        one(shape, out)
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn global_pool(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let largest = spec.name == "GlobalMaxPool";
    Ok(Operator::new(move |call| {
        let images = Images::of(call.input(0)?)?;
        let size = images.size[0] * images.size[1];
        let shape = images.shape(images.channels, [1, 1]);
        call.room(&shape)?;
        if size == 0 {
            return Err(Fault::new("the image has no pixels"));
        }
        let pixels = super::cast::narrow(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
        let take = |plane: &[f32]| match largest {
            true => plane.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            false => plane.iter().sum::<f32>() / pixels,
        };
        one(shape, images.data.chunks_exact(size).map(take).collect())
    }))
}

fn batch_normalization(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let epsilon = spec.attributes.float("epsilon").unwrap_or(1e-5);
    if spec.attributes.flag("training_mode") || spec.outputs > 1 {
        return Err(Fault::new("only inference is supported"));
    }
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let Data::F32(v) = x.data() else {
            return Err(wrong_type(x));
        };
        let channels = *x.shape().get(1).ok_or_else(|| Fault::new("it has no channels"))?;
        let mut parts = Vec::with_capacity(4);
        for i in 1..5 {
            let part = call.input(i)?.view::<f32>().filter(|p| p.len() == channels);
            parts.push(part.ok_or_else(|| Fault::new(format!("input {i} does not have one number a channel")))?);
        }
        let inner: usize = x.shape()[2..].iter().product();
        if v.is_empty() {
            return Ok(Outputs::One(x.clone()));
        }
        let planes = v.chunks_exact(inner).enumerate();
        let normal = planes.flat_map(|(i, plane)| {
            let c = i % channels;
            let factor = parts[0][c] / (parts[3][c] + epsilon).sqrt();
            let (bias, mean) = (parts[1][c], parts[2][c]);
            plane.iter().map(move |x| (x - mean) * factor + bias)
        });
        one(x.shape().to_vec(), normal.collect())
    }))
}
