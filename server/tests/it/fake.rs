//! A server in this process with an engine of the test's own: what is tested is everything around the model.

use std::sync::Arc;
use std::time::Duration;

use mlstack_onnx::predict::{Number, Prediction, Value};
use mlstack_onnx::signature::{Feature as Spec, FeatureType, Scalar, Signature, Task};
use mlstack_onnx::{Data, Dimension, ElementType, Port, Tensor};
use mlstack_server::app::App;
use mlstack_server::config::{Limits, Told};
use mlstack_server::http;
use mlstack_server::listen;
use mlstack_server::log::Log;
use mlstack_server::metrics::Metrics;
use mlstack_server::model::{Card, Engine, Served, Wrong};
use mlstack_server::rows::{Cell, Feature, Form, Rows};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Risk from three features: one class when their weighted sum is high, another when it is low.
#[derive(Debug)]
pub(crate) struct Risk {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    slow: Duration,
}

impl Risk {
    pub(crate) fn new(slow: Duration) -> Self {
        let port = |name: &str, element, shape: &[Dimension]| Port {
            name: name.into(),
            element,
            shape: Some(shape.to_vec()),
            labels: None,
        };
        let (any, four, two) = (Dimension::Any, Dimension::Fixed(4), Dimension::Fixed(2));
        Self {
            inputs: vec![port("X", ElementType::F32, &[any, four])],
            outputs: vec![
                port("label", ElementType::Text, &[any]),
                port("probabilities", ElementType::F32, &[any, two]),
            ],
            slow,
        }
    }
}

fn wrong(error: impl std::fmt::Display) -> Wrong {
    Wrong(error.to_string())
}

impl Engine for Risk {
    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn pack(&self, rows: &Rows) -> Result<Vec<(Vec<Tensor>, usize)>, Wrong> {
        let number = |cell: &Cell| match cell {
            Cell::Float(v) => *v as f32,
            Cell::Int(v) => *v as f32,
            Cell::Bool(v) => f32::from(u8::from(*v)),
            Cell::Text(v) => f32::from(u8::from(v == "Biel")),
            Cell::Null | Cell::Absent => f32::NAN,
        };
        let all: Vec<f32> = rows.cells.iter().map(number).collect();
        Ok(vec![(
            vec![Tensor::new(vec![rows.count, 4], all).map_err(wrong)?],
            rows.count,
        )])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Wrong> {
        std::thread::sleep(self.slow);
        let Some(Data::F32(all)) = inputs.first().map(Tensor::data) else {
            return Err(wrong("no floats"));
        };
        if all.contains(&66.0) {
            return Err(wrong("66 is what this model fails on"));
        }
        let high = |row: &[f32]| 1.0 / (1.0 + (-(row[0] - 30.0) / 8.0 - row[1] / 100.0 - row[2] - row[3]).exp());
        let shares: Vec<f32> = all.chunks(4).flat_map(|row| [1.0 - high(row), high(row)]).collect();
        let labels = shares
            .chunks(2)
            .map(|row| if row[1] > 0.5 { "high" } else { "low" }.to_owned())
            .collect();
        let rows = shares.len() / 2;
        Ok(vec![
            Tensor::vector::<String>(labels),
            Tensor::new(vec![rows, 2], shares).map_err(wrong)?,
        ])
    }

    fn read(&self, outputs: Vec<Tensor>, _rows: usize) -> Result<Vec<Prediction>, Wrong> {
        let [labels, shares] = outputs.as_slice() else {
            return Err(wrong("two outputs"));
        };
        let (Data::Text(labels), Data::F32(shares)) = (labels.data(), shares.data()) else {
            return Err(wrong("types"));
        };
        let row = |(label, shares): (&String, &[f32])| Prediction {
            value: Value::Label(label.clone()),
            probabilities: Some(shares.iter().map(|&p| Number::Single(p)).collect()),
        };
        Ok(labels.iter().zip(shares.chunks(2)).map(row).collect())
    }
}

pub(crate) fn card() -> Card {
    let spec = |name: &str, kind, description: &str| Spec {
        description: Some(description.into()),
        ..Spec::new(name, kind)
    };
    let texts = |names: [&str; 2]| names.map(|name| Scalar::Text(name.into())).to_vec();
    let bmi = spec("mean bmi (kg)", FeatureType::Float, "body mass index");
    let age = spec("age", FeatureType::Int, "age in years");
    Card {
        name: "risk".into(),
        version: "3".into(),
        probabilities: true,
        signature: Signature {
            version: 1,
            task: Task::Classification,
            target: Some("risk".into()),
            unit: None,
            classes: texts(["low", "high"]),
            features: vec![
                Spec {
                    min: Some(10.0),
                    max: Some(70.0),
                    mean: Some(26.59),
                    ..bmi
                },
                Spec {
                    min: Some(18.0),
                    max: Some(100.0),
                    mean: Some(48.8),
                    ..age
                },
                Spec {
                    default: Some(Scalar::Bool(false)),
                    ..spec("smokes", FeatureType::Bool, "smokes every day")
                },
                Spec {
                    values: texts(["Bern", "Biel"]),
                    ..spec("town", FeatureType::Category, "where")
                },
            ],
        },
    }
}

pub(crate) const ROW: &str = r#"{"mean bmi (kg)": 40.5, "age": 50, "smokes": true, "town": "Biel"}"#;

pub(crate) struct Running {
    pub(crate) port: u16,
    pub(crate) app: Arc<App>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<usize>,
}

impl Running {
    /// How many connections had to be cut.
    pub(crate) async fn stop(self) -> usize {
        let _ = self.stop.send(());
        self.server.await.unwrap()
    }
}

/// A server with [`Risk`] that is ready.
pub(crate) async fn start(limits: Limits, slow: Duration, log: Option<(Log, Arc<Metrics>)>) -> Running {
    let (log, metrics) = log.map_or_else(
        || (None, Arc::new(Metrics::default())),
        |(log, metrics)| (Some(log), metrics),
    );
    let running = empty(limits, log, metrics).await;
    let cells = vec![
        Cell::Int(20),
        Cell::Int(30),
        Cell::Bool(false),
        Cell::Text("Bern".into()),
    ];
    let sample = Rows {
        cells,
        count: 1,
        form: Form::One,
    };
    let rule = |spec: &Spec| Feature {
        spec: spec.clone(),
        element: ElementType::F32,
    };
    let features = card().signature.features.iter().map(rule).collect();
    let served = Served::new(card(), features, Box::new(Risk::new(slow)), &sample);
    let fields = served
        .features
        .list()
        .iter()
        .map(|feature| feature.name().to_owned())
        .collect();
    running.app.metrics.loaded("risk", "3", fields, Duration::ZERO);
    running.app.loaded(Ok(served));
    running
}

/// A server whose model is still to come.
pub(crate) async fn empty(limits: Limits, log: Option<Log>, metrics: Arc<Metrics>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Arc::new(App::new(limits, true, metrics, log));
    let (stop, stopped) = oneshot::channel::<()>();
    let end = ending(Arc::clone(&app), stopped);
    let own = Arc::clone(&app);
    let server = tokio::spawn(async move {
        listen::serve(
            listener,
            limits,
            move |request| http::handle(Arc::clone(&own), request),
            end,
        )
        .await
        .1
    });
    Running {
        port,
        app,
        stop,
        server,
    }
}

async fn ending(app: Arc<App>, stopped: oneshot::Receiver<()>) {
    let _ = stopped.await;
    app.end();
}

pub(crate) fn limits() -> Limits {
    Told::default().limits()
}
