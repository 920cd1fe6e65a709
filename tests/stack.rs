//! The stack of `interop/ex-esdb` and its scripts, as an operator runs them on a clean machine: with a Docker daemon of our
//! own that has no image yet. The judge is a second, hidden BEAM that asks each node by OTP's own rpc.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use interop::{Docker, Missing, skip};

const START: &str = "start-cluster-multicast.sh";
const VALIDATE: &str = "validate-cluster.sh";
const STOP: &str = "stop-cluster.sh";

/// What a BEAM says about a node of the stack, asked by one that boots beside it: its visible nodes, a line each.
const LIST: &str = r#"Enum.each(Enum.sort(Node.list()), &IO.puts/1)"#;

/// The stack in a Docker of its own.
struct Stack(Docker);

impl Stack {
    fn new() -> Result<Stack, Missing> {
        Docker::start().map(Stack)
    }

    /// A program whose containers are looked at oftener than an operator needs.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = self.0.command(program);
        command.env("EX_ESDB_HEALTH_INTERVAL", "2s");
        command
    }

    /// Runs a script of `scripts/`.
    fn script(&self, name: &str, arguments: &[&str]) -> Ran {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = self.command(checkout.join("scripts").join(name));
        // Where it says to be started does not matter.
        command.args(arguments).current_dir("/");
        Ran::of(name, &mut command)
    }

    fn docker(&self, arguments: &[&str]) -> Ran {
        let output = self.0.docker(arguments);
        Ran::new(&format!("docker {}", arguments.join(" ")), &output)
    }

    /// The visible nodes of the one in `container`, as a hidden BEAM in there hears them from it.
    fn listed(&self, container: &str, node: &str) -> Vec<String> {
        let probe = [
            "--sname",
            "remsh-probe",
            "--hidden",
            "--rpc-eval",
            node,
            LIST,
        ];
        let exec = [&["exec", container, "elixir"][..], &probe].concat();
        let said = self.docker(&exec).succeeds();
        said.lines().map(str::to_owned).collect()
    }

    fn containers(&self) -> Vec<String> {
        let said = self.docker(&["ps", "--quiet", "--no-trunc"]).succeeds();
        let mut ids: Vec<String> = said.lines().map(str::to_owned).collect();
        ids.sort();
        ids
    }

    fn inspect(&self, what: &str, format: &str) -> String {
        let said = self.docker(&["inspect", "--format", format, what]);
        said.succeeds().trim().to_owned()
    }

    fn wait_healthy(&self, container: &str, limit: Duration) {
        let begin = Instant::now();
        while self.inspect(container, "{{.State.Health.Status}}") != "healthy" {
            assert!(begin.elapsed() < limit, "{container} is not healthy");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// How a command ended.
struct Ran {
    what: String,
    status: Option<i32>,
    stdout: String,
    all: String,
}

impl Ran {
    fn of(what: &str, command: &mut Command) -> Ran {
        match command.output() {
            Ok(output) => Ran::new(what, &output),
            Err(error) => panic!("{what}: {error}"),
        }
    }

    fn new(what: &str, output: &Output) -> Ran {
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Ran {
            what: what.to_owned(),
            status: output.status.code(),
            all: format!("{stdout}{}", String::from_utf8_lossy(&output.stderr)),
            stdout,
        }
    }

    #[track_caller]
    fn succeeds(self) -> String {
        assert_eq!(self.status, Some(0), "{}: {}", self.what, self.all);
        self.stdout
    }

    #[track_caller]
    fn fails(self, status: i32) -> String {
        assert_eq!(self.status, Some(status), "{}: {}", self.what, self.all);
        self.all
    }
}

/// The names of a stack of so many ExESDB nodes, with gateway and beamlink, sorted.
fn names(nodes: usize) -> Vec<String> {
    let nodes = (0..nodes).map(|at| format!("ex_esdb@node{at}"));
    let guests = ["ex_esdb_gater@gater00", "zz_maint_beamlink@beamlink0"];
    nodes.chain(guests.map(str::to_owned)).collect()
}

/// All but one.
fn others(names: &[String], own: &str) -> Vec<String> {
    names.iter().filter(|name| *name != own).cloned().collect()
}

#[test]
fn an_operator_starts_validates_scales_breaks_and_mends_a_cluster() {
    let stack = match Stack::new() {
        Ok(stack) => stack,
        Err(missing) => return skip("the stack", &missing),
    };
    let none = stack.script(VALIDATE, &[]).fails(1);
    assert!(none.contains("There is no cluster"), "{none}");

    stack.script(START, &["--gater"]).succeeds();
    let said = stack.script(VALIDATE, &[]).succeeds();
    let seven = names(5);
    for name in &seven {
        assert!(said.contains(name.as_str()), "{name}: {said}");
    }
    assert_eq!(
        stack.listed("ex-esdb0", &seven[0]),
        others(&seven, &seven[0])
    );
    assert_eq!(
        stack.listed("ex-esdb-gater", &seven[5]),
        others(&seven, &seven[5])
    );
    the_commands_of_the_guide_work(&stack);
    the_image_is_small_and_unprivileged(&stack);

    // Again, and nothing is started anew.
    let before = stack.containers();
    stack.script(START, &["--gater", "--no-images"]).succeeds();
    assert_eq!(stack.containers(), before);

    stack
        .script(START, &["--nodes", "7", "--no-images"])
        .succeeds();
    let nine = names(7);
    stack.script(VALIDATE, &[]).succeeds();
    assert_eq!(stack.listed("ex-esdb6", &nine[6]), others(&nine, &nine[6]));

    stack.docker(&["kill", "ex-esdb3"]).succeeds();
    let said = stack.script(VALIDATE, &[]).fails(1);
    let down: Vec<&str> = said.lines().filter(|line| line.contains("down")).collect();
    assert!(
        matches!(down[..], [line] if line.contains("ex_esdb@node3")),
        "{said}"
    );
    assert_eq!(said.matches("ex_esdb@node3").count(), 1, "{said}");

    stack.docker(&["start", "ex-esdb3"]).succeeds();
    stack.wait_healthy("ex-esdb3", Duration::from_secs(120));
    stack.script(VALIDATE, &["--wait", "60"]).succeeds();
    assert_eq!(stack.listed("ex-esdb3", &nine[3]), others(&nine, &nine[3]));

    stack
        .script(START, &["--nodes", "5", "--no-images"])
        .succeeds();
    stack.script(VALIDATE, &[]).succeeds();
    assert_eq!(
        stack.listed("ex-esdb4", &seven[4]),
        others(&seven, &seven[4])
    );

    stack.script(STOP, &["--volumes"]).succeeds();
    assert_eq!(stack.containers(), Vec::<String>::new());
    let left = stack.docker(&["volume", "ls", "--quiet"]).succeeds();
    assert_eq!(left, "");
    let networks = stack.docker(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.succeeds().contains("ex-esdb-net"));
}

/// As they stand in the guide, but for the folder.
fn the_commands_of_the_guide_work(stack: &Stack) {
    let rpc = "echo 'Node.list().' | /opt/ex_esdb/bin/ex_esdb rpc";
    let said = stack.docker(&["exec", "ex-esdb0", "/bin/sh", "-c", rpc]);
    assert!(said.succeeds().contains(":ex_esdb@node4"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/ex-esdb");
    let compose = |arguments: &[&str]| {
        let mut command = stack.command("docker-compose");
        let command = command.args(["-f", "ex-esdb-cluster.yaml"]).args(arguments);
        Ran::of("docker-compose", command.current_dir(&folder)).succeeds()
    };
    let running = compose(&["ps"]);
    assert_eq!(running.matches("Up (healthy)").count(), 5, "{running}");
    assert!(compose(&["logs", "ex-esdb0"]).contains("@@ready"));
    let up = compose(&["--profile", "cluster", "up", "-d"]);
    assert_eq!(up, "", "nothing is to be done");
}

fn the_image_is_small_and_unprivileged(stack: &Stack) {
    let size: u64 = stack
        .inspect("beamlink:latest", "{{.Size}}")
        .parse()
        .unwrap();
    assert!(size < 15_000_000, "{size} bytes");
    let config = stack.inspect(
        "beamlink:latest",
        "{{.Config.User}} {{.Config.Healthcheck.Test}}",
    );
    assert_eq!(config, "65532:65532 [CMD /beamlink health]");
    let health = stack.docker(&["exec", "beamlink", "/beamlink", "health"]);
    assert!(health.succeeds().contains(r#""peers":6"#));
}
