//! The ground: an EPMD, a BEAM with the fixture, and a node of ours in this process, connected over loopback.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use beamlink::epmd::EpmdMode;
use beamlink::{Cookie, Node, NodeName};
use interop::{BeamNode, BeamOptions, Epmd, Missing, Otp};
use tokio::runtime::Runtime;

pub(crate) const COOKIE: &str = "calls";
/// Ten times and more what anything here takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// Our name.
pub(crate) const OWN: &str = "zz_maint_rust@localhost";
/// Its.
pub(crate) const PEER: &str = "app@localhost";

pub(crate) struct Ground {
    pub(crate) beam: BeamNode,
    /// `None` once it goes: it is stopped inside tokio.
    node: Option<Node>,
    pub(crate) tokio: Runtime,
    otp: Otp,
    epmd: Epmd,
}

impl Ground {
    pub(crate) fn new(otp: &Otp) -> Result<Ground, Missing> {
        Ground::ticking(otp, 60)
    }

    /// With this `net_ticktime`, in seconds.
    pub(crate) fn ticking(otp: &Otp, net_ticktime: u32) -> Result<Ground, Missing> {
        let epmd = Epmd::start(interop::tcp(), None)?;
        let options = BeamOptions::new(otp, PEER, COOKIE, epmd.port()).net_ticktime(net_ticktime);
        let beam = BeamNode::start(options)?;
        let tokio = Runtime::new().unwrap();
        let builder = Node::builder(OWN)
            .cookie(Cookie::new(COOKIE))
            .net_ticktime(Duration::from_secs(net_ticktime.into()))
            .epmd(EpmdMode::External)
            .epmd_port(epmd.port());
        let node = tokio.block_on(builder.start()).unwrap();
        let mut ground = Ground {
            beam,
            node: Some(node),
            tokio,
            otp: otp.clone(),
            epmd,
        };
        ground.connect();
        Ok(ground)
    }

    /// Another BEAM on the same host.
    pub(crate) fn another(&self, name: &str, cookie: &str) -> BeamNode {
        let options = BeamOptions::new(&self.otp, name, cookie, self.epmd.port());
        BeamNode::start(options).unwrap()
    }

    /// Connects the two, once an earlier connection is gone: we are the one who dials.
    pub(crate) fn connect(&mut self) {
        let gone = async {
            while !self.node().nodes().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        self.run(gone);
        self.run(self.node().connect(&peer())).unwrap();
        self.beam
            .wait_until("Node.list()", &format!("[:{OWN}]"), LIMIT);
    }

    pub(crate) fn node(&self) -> &Node {
        self.node
            .as_ref()
            .expect("it is there until the ground goes")
    }

    /// Runs `future` to its end, which must come.
    #[track_caller]
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(LIMIT, future).await };
        self.tokio.block_on(limited).expect("it ends in time")
    }

    /// Asks the BEAM for the value of an Elixir expression, in which `rust` is our node.
    #[track_caller]
    pub(crate) fn ask(&mut self, expression: &str) -> String {
        self.beam.value(&format!("{PRELUDE} {expression}"))
    }

    /// The value must be this.
    #[track_caller]
    pub(crate) fn expect(&mut self, expression: &str, expected: &str) {
        assert_eq!(self.ask(expression), expected, "{expression}");
    }

    /// The value must match this pattern.
    #[track_caller]
    pub(crate) fn expect_match(&mut self, expression: &str, pattern: &str) {
        let matched = format!(
            "value = ({expression}); if match?({pattern}, value), do: :as_expected, else: value"
        );
        assert_eq!(self.ask(&matched), ":as_expected", "{expression}");
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            self.tokio.block_on(node.stop());
        }
    }
}

/// What the questions need.
const PRELUDE: &str = "rust = :\"zz_maint_rust@localhost\"; \
    caught = fn call -> try do call.() catch kind, reason -> {kind, reason} end end; \
    down = fn ref -> receive do {:DOWN, ^ref, _, _, reason} -> reason after 10000 -> :hang end end; \
    next = fn -> receive do message -> message after 10000 -> :hang end end; \
    _ = {rust, caught, down, next};";

pub(crate) fn peer() -> NodeName {
    PEER.parse().unwrap()
}

/// Runs `test` with each OTP that is here; says loudly what is not.
pub(crate) fn with_each(name: &str, mut test: impl FnMut(&mut Ground)) {
    let _shared = beside_others();
    on_each(name, Ground::new, &mut test);
}

/// As [`with_each`], with nothing beside it on this machine that is ours, and ticks every second: for what is measured.
pub(crate) fn alone_with_each(name: &str, mut test: impl FnMut(&mut Ground)) {
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    on_each(name, |otp| Ground::ticking(otp, 4), &mut test);
}

/// Held by all tests, or by one alone.
static MACHINE: RwLock<()> = RwLock::new(());

/// Held by a test that others may run beside.
pub(crate) fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

fn on_each(
    name: &str,
    ground: impl Fn(&Otp) -> Result<Ground, Missing>,
    test: &mut dyn FnMut(&mut Ground),
) {
    for otp in [Otp::host(), Otp::of("trixie"), Otp::of("sid")] {
        match otp.and_then(|otp| ground(&otp)) {
            Ok(mut ground) => {
                test(&mut ground);
                assert_eq!(
                    ground.beam.log(),
                    "[]",
                    "the BEAM has nothing to complain of"
                );
            }
            Err(missing) => interop::skip(name, &missing),
        }
    }
}
