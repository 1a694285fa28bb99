//! A batch answers exactly as its rows one by one.

use crate::bed;
use crate::models::inputs;
use mlstack_onnx::{Data, Model, Tensor};

/// The elements as text, bit for bit.
fn bits(tensor: &Tensor) -> Vec<String> {
    match tensor.data() {
        Data::F32(v) => v.iter().map(|x| format!("{:08x}", x.to_bits())).collect(),
        Data::F64(v) => v.iter().map(|x| format!("{:016x}", x.to_bits())).collect(),
        Data::I64(v) => v.iter().map(ToString::to_string).collect(),
        Data::Bool(v) => v.iter().map(ToString::to_string).collect(),
        Data::Text(v) => v.clone(),
    }
}

#[test]
fn a_batch_is_its_rows_one_by_one_bit_for_bit() {
    for case in bed::all() {
        let model = Model::load(&case.bytes).unwrap();
        let inputs = inputs(&model, &case);
        let whole = model.run(&inputs).unwrap();
        let n = inputs[0].shape()[0];
        let mut parts: Vec<Vec<String>> = vec![Vec::new(); whole.len()];
        for i in 0..n {
            let row: Vec<Tensor> = inputs.iter().map(|t| bed::rows(t, i, i + 1)).collect();
            let outputs = model.run(&row).unwrap();
            parts
                .iter_mut()
                .zip(&outputs)
                .for_each(|(all, one)| all.extend(bits(one)));
        }
        for (port, (tensor, parts)) in model.outputs().iter().zip(whole.iter().zip(parts)) {
            assert_eq!(bits(tensor), parts, "{}: output {}", case.name, port.name);
        }
    }
}

#[test]
fn no_rows_give_no_answers_or_a_clear_error() {
    for case in bed::all() {
        let model = Model::load(&case.bytes).unwrap();
        let none: Vec<Tensor> = inputs(&model, &case).iter().map(|t| bed::rows(t, 0, 0)).collect();
        if let Ok(outputs) = model.run(&none) {
            assert!(outputs.iter().all(Tensor::is_empty), "{}", case.name);
        }
    }
}
