//! Two stacks, the states they go through, and the ways between them that are broken off.

use std::path::Path;

use crate::stage::Stage;

/// What the volume holds.
pub(super) const MARK: &str = "written before anything went wrong";
/// The secret of `api`.
pub(super) const TOKEN: &str = "a-token-of-no-worth";
/// Waits, and ends at once when told to.
const WAIT: &str = "\"trap 'exit 0' TERM; sleep 3600 & wait\"";

/// A volume, a secret, a published port, two networks and three services, one of which may have copies.
const SERVICES: &str = "\
version: 1
name: STACK
secrets: { token: { env: FAULT_TOKEN } }
components:
  store: { type: service, image: \"busybox:1\", volumes: [{ name: kept, path: /kept }], env: { ROUND: \"ONE\" }, command: [sh, -c, WAIT], resources: { cpu: 200m, memory: 32Mi } }
  api: { type: service, image: \"busybox:1\", uses: [store], port: 8080, expose: { port: 8080 }, env: { ROUND: \"ONE\", TOKEN_FILE: \"${secrets.token.file}\" }, command: [sh, -c, WAIT], resources: { cpu: 200m, memory: 32Mi } }
  worker: { type: service, image: \"busybox:1\", uses: [USED], replicas: COPIES, command: [sh, -c, WAIT], resources: { cpu: 200m, memory: 32Mi } }
";
/// An image that the engine builds, and one that it loads and whose server is asked a golden request.
const IMAGES: &str = "\
version: 1
name: STACK
components:
  built: { type: service, build: ./built, command: [sh, -c, WAIT], resources: { cpu: 200m, memory: 32Mi } }
  model:
    type: model-server
    model: model/diabetes.onnx
    resources: { cpu: 500m, memory: 128Mi }
    checks:
      - request: { age: 41, sex: 1, bmi: 20.5, bp: 80, s1: 124, s2: 48.8, s3: 64, s4: 2, s5: 4.0254, s6: 75 }
        expect: { prediction: 81.6767, within: 0.01 }
";

/// A stack and what is there of it.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) text: &'static str,
    containers: &'static [&'static str],
    volumes: &'static [&'static str],
    /// Services that have secrets.
    secrets: &'static [&'static str],
}

static OF_SERVICES: Plot = Plot {
    text: SERVICES,
    containers: &["S-api-1 running", "S-store-1 running", "S-worker-1 running"],
    volumes: &["S_kept"],
    secrets: &["/api"],
};
static OF_IMAGES: Plot = Plot {
    text: IMAGES,
    containers: &["S-built-1 running", "S-model-1 running"],
    volumes: &[],
    secrets: &[],
};

/// What the stack is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Nothing is left.
    Cleared,
    /// Destroyed, its data kept.
    Gone,
    /// As it stands above.
    Base,
    /// Two services have another environment.
    Second,
    /// And another.
    Third,
    /// One service has three copies.
    Wide,
    /// `worker` uses `store`: a new version of it is proven by a canary. On the way back none is needed.
    Tied,
    /// As `Base`, but somebody made a network anew by hand, with other options.
    Rewired,
}

/// A way from one state to another; `then` is what the run after the broken one is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) name: &'static str,
    pub(super) from: State,
    pub(super) to: State,
    pub(super) then: State,
}

const fn leg(name: &'static str, from: State, to: State) -> Leg {
    Leg {
        name,
        from,
        to,
        then: to,
    }
}

/// Legs that end where they began, so that they can be gone again and again.
#[derive(Debug)]
pub(super) struct Trip {
    pub(super) plot: &'static Plot,
    pub(super) legs: &'static [Leg],
}

const fn of_services(legs: &'static [Leg]) -> Trip {
    Trip {
        plot: &OF_SERVICES,
        legs,
    }
}

/// The way on which only looks are made.
pub(super) const NOTHING: &str = "nothing to do";

pub(super) static TRIPS: [Trip; 9] = [
    of_services(&[leg(NOTHING, State::Base, State::Base)]),
    of_services(&[
        leg("tie to another, by a canary", State::Base, State::Tied),
        leg("untie, side by side", State::Tied, State::Base),
    ]),
    of_services(&[
        Leg {
            name: "another update after a broken one",
            from: State::Base,
            to: State::Second,
            then: State::Third,
        },
        Leg {
            name: "the one before after a broken one",
            from: State::Third,
            to: State::Second,
            then: State::Base,
        },
    ]),
    of_services(&[
        leg("scale up", State::Base, State::Wide),
        leg("scale down", State::Wide, State::Base),
    ]),
    of_services(&[leg("replace a network", State::Rewired, State::Base)]),
    of_services(&[
        leg("destroy", State::Base, State::Gone),
        leg("apply to kept data", State::Gone, State::Base),
    ]),
    of_services(&[
        leg("first apply", State::Cleared, State::Base),
        leg("destroy with its data", State::Base, State::Cleared),
    ]),
    of_services(&[
        leg("recreate", State::Base, State::Second),
        leg("recreate back", State::Second, State::Base),
    ]),
    Trip {
        plot: &OF_IMAGES,
        legs: &[
            leg("images built and loaded", State::Cleared, State::Base),
            leg("destroy with images", State::Base, State::Cleared),
        ],
    },
];

impl Plot {
    pub(super) fn has_volume(&self) -> bool {
        !self.volumes.is_empty()
    }

    /// The stack on a stage of its own; `None`, loudly, where the engine or the image is missing.
    pub(super) fn stage(&self) -> Option<Stage> {
        let stage = Stage::with(self.text, &["busybox:1"])?.env("FAULT_TOKEN", TOKEN);
        stage.write("template.yaml", &stage.read("mlstack.yaml"));
        stage.write("built/Dockerfile", "FROM busybox:1\nCOPY name /name\n");
        // A layer that no other stack has.
        stage.write("built/name", &stage.name);
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks/minimal/model");
        std::fs::create_dir_all(stage.path().join("model")).unwrap();
        for file in ["diabetes.onnx", "diabetes.signature.json"] {
            std::fs::copy(models.join(file), stage.path().join("model").join(file)).unwrap();
        }
        Some(stage)
    }

    /// What must be there in a state, and nothing else.
    pub(super) fn expected(&self, state: State) -> [(&'static str, Vec<&'static str>); 5] {
        let is_up = !matches!(state, State::Cleared | State::Gone);
        let when = |there: bool, what: &[&'static str]| if there { what.to_vec() } else { Vec::new() };
        let more = when(state == State::Wide, &["S-worker-2 running", "S-worker-3 running"]);
        [
            ("containers", [when(is_up, self.containers), more].concat()),
            ("networks", when(is_up, &["S_back", "S_front"])),
            ("volumes", when(state != State::Cleared, self.volumes)),
            ("secrets", when(is_up, self.secrets)),
            ("nameless images", Vec::new()),
        ]
    }
}

/// Writes the stack file of a state.
pub(super) fn write(stage: &Stage, state: State) {
    let round = match state {
        State::Second => "TWO",
        State::Third => "THREE",
        _ => "ONE",
    };
    let copies = if state == State::Wide { "3" } else { "1" };
    let used = if state == State::Tied { "store" } else { "" };
    let text = stage.read("template.yaml").replace("WAIT", WAIT).replace("ONE", round);
    stage.write("mlstack.yaml", &text.replace("COPIES", copies).replace("USED", used));
}
