//! A server in this process with an engine of the test's own: what is tested is everything around the model.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mlstack_server::app::App;
use mlstack_server::config::{Limits, Told};
use mlstack_server::http;
use mlstack_server::listen;
use mlstack_server::log::Log;
use mlstack_server::metrics::Metrics;
use mlstack_server::model::{
    Card, CardFeature, Data, Element, Engine, Port, Predictions, Served, Task, Tensor, Values, Wrong,
};
use mlstack_server::rows::{Column, Default as Given, Feature, Kind, Rows};
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
        let port = |name: &str, element, shape| Port {
            name: name.into(),
            element,
            shape,
        };
        Self {
            inputs: vec![port("X", Element::F32, vec![-1, 4])],
            outputs: vec![
                port("label", Element::Text, vec![-1]),
                port("probabilities", Element::F32, vec![-1, 2]),
            ],
            slow,
        }
    }
}

impl Engine for Risk {
    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn pack(&self, rows: &Rows) -> Result<Vec<Tensor>, Wrong> {
        let cell = |column: &Column, row: usize| match column {
            Column::Float(v) => v[row] as f32,
            Column::Int(v) => v[row] as f32,
            Column::Bool(v) => f32::from(u8::from(v[row])),
            Column::Text(v) => f32::from(u8::from(v[row] == "Biel")),
        };
        let all = (0..rows.count)
            .flat_map(|row| rows.columns.iter().map(move |column| cell(column, row)))
            .collect();
        Ok(vec![Tensor {
            shape: vec![rows.count, 4],
            data: Data::F32(all),
        }])
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Wrong> {
        std::thread::sleep(self.slow);
        let Some(Tensor {
            data: Data::F32(all), ..
        }) = inputs.first()
        else {
            return Err(Wrong("no floats".into()));
        };
        if all.contains(&66.0) {
            return Err(Wrong("66 is what this model fails on".into()));
        }
        let high = |row: &[f32]| 1.0 / (1.0 + (-(row[0] - 30.0) / 8.0 - row[1] / 100.0 - row[2] - row[3]).exp());
        let shares: Vec<f32> = all.chunks(4).flat_map(|row| [1.0 - high(row), high(row)]).collect();
        let labels = shares
            .chunks(2)
            .map(|row| if row[1] > 0.5 { "high" } else { "low" }.to_owned())
            .collect();
        let rows = shares.len() / 2;
        Ok(vec![
            Tensor {
                shape: vec![rows],
                data: Data::Text(labels),
            },
            Tensor {
                shape: vec![rows, 2],
                data: Data::F32(shares),
            },
        ])
    }

    fn read(&self, mut outputs: Vec<Tensor>, rows: usize) -> Result<Predictions, Wrong> {
        match (outputs.remove(0).data, outputs.remove(0).data) {
            (Data::Text(labels), Data::F32(shares)) => Ok(Predictions {
                values: Values::Text(labels),
                rows,
                width: 1,
                probabilities: Some(shares),
            }),
            other => Err(Wrong(format!("{other:?}"))),
        }
    }
}

pub(crate) fn card() -> Card {
    let feature = |name: &str, kind| Feature {
        name: name.into(),
        kind,
        default: None,
        nullable: false,
        min: None,
        max: None,
    };
    let described = |rule, description: &str, mean| CardFeature {
        rule,
        description: Some(description.into()),
        unit: None,
        mean,
        std: None,
    };
    let float = Kind::Float { single: true };
    Card {
        name: "risk".into(),
        version: "3".into(),
        task: Task::Classification,
        target: Some("risk".into()),
        unit: None,
        classes: vec!["low".into(), "high".into()],
        numeric_classes: false,
        probabilities: true,
        features: vec![
            described(
                Feature {
                    min: Some(10.0),
                    max: Some(70.0),
                    ..feature("mean bmi (kg)", float)
                },
                "body mass index",
                Some(26.59),
            ),
            described(
                Feature {
                    min: Some(18.0),
                    max: Some(100.0),
                    ..feature("age", Kind::Int)
                },
                "age in years",
                Some(48.8),
            ),
            described(
                Feature {
                    default: Some(Given::Bool(false)),
                    ..feature("smokes", Kind::Bool)
                },
                "smokes every day",
                None,
            ),
            described(
                feature("town", Kind::Category(vec!["Bern".into(), "Biel".into()])),
                "where",
                None,
            ),
        ],
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
    let sample = Rows {
        columns: vec![
            Column::Float(vec![20.0]),
            Column::Int(vec![30]),
            Column::Bool(vec![false]),
            Column::Text(vec!["Bern".into()]),
        ],
        count: 1,
        form: mlstack_server::rows::Form::One,
    };
    let served = Served::new(card(), Box::new(Risk::new(slow)), Some(&sample));
    let fields = served
        .features
        .list()
        .iter()
        .map(|feature| feature.name.clone())
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

fn ending(app: Arc<App>, stopped: oneshot::Receiver<()>) -> impl Future<Output = ()> {
    async move {
        let _ = stopped.await;
        app.end();
    }
}

pub(crate) fn limits() -> Limits {
    Told::default().limits()
}
