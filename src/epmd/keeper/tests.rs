use std::net::TcpListener;

use tokio::time::timeout;

use super::super::{lookup, names};
use super::*;

const LONG: Duration = Duration::from_secs(20);

fn settings(name: &str, mode: EpmdMode, port: u16) -> EpmdSettings {
    EpmdSettings {
        mode,
        port,
        ..EpmdSettings::new(format!("{name}@localhost").parse().unwrap(), 9100)
    }
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn epmd(port: u16) -> JoinHandle<()> {
    let settings = ServerSettings {
        port,
        ..ServerSettings::default()
    };
    let server = EpmdServer::bind(settings).unwrap();
    tokio::spawn(async { server.run().await })
}

async fn end(server: JoinHandle<()>) {
    server.abort();
    assert!(server.await.unwrap_err().is_cancelled());
}

async fn until(keeper: &EpmdKeeper, wanted: impl FnMut(&EpmdState) -> bool) {
    let mut state = keeper.state();
    timeout(LONG, state.wait_for(wanted))
        .await
        .expect("in time")
        .unwrap();
}

async fn start(name: &str, mode: EpmdMode, port: u16) -> EpmdKeeper {
    EpmdKeeper::start(settings(name, mode, port)).await.unwrap()
}

#[tokio::test]
async fn an_epmd_that_is_there_is_used() {
    let port = interop::tcp();
    let _server = epmd(port);
    for mode in [EpmdMode::Auto, EpmdMode::External] {
        let keeper = start("a", mode, port).await;
        assert_eq!(
            *keeper.state().borrow(),
            EpmdState::RegisteredWith(at(port))
        );
        assert_eq!(
            lookup(at(port), "a", LONG).await,
            Ok(NodeEntry::new("a", 9100, NodeType::Visible))
        );
        keeper.stop().await;
        until_names(port, &[]).await;
    }
}

#[tokio::test]
async fn without_one_we_serve_and_are_in_it_ourselves() {
    for mode in [EpmdMode::Auto, EpmdMode::Embedded] {
        let port = interop::tcp();
        let hidden = EpmdSettings {
            hidden: true,
            ..settings("a", mode, port)
        };
        let keeper = EpmdKeeper::start(hidden).await.unwrap();
        assert_eq!(*keeper.state().borrow(), EpmdState::Serving(port));
        assert!(keeper.creation().unwrap() > 3);
        let found = lookup(at(port), "a", LONG).await;
        assert_eq!(found, Ok(NodeEntry::new("a", 9100, NodeType::Hidden)));
        keeper.stop().await;
        TcpListener::bind(("0.0.0.0", port)).unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_is_an_error_at_the_start() {
    let port = interop::tcp();
    let error = EpmdKeeper::start(settings("a", EpmdMode::External, port))
        .await
        .unwrap_err();
    let kind = ErrorKind::ConnectionRefused;
    let dead = AskError::Unreachable {
        epmd: at(port),
        kind,
    };
    assert_eq!(error, EpmdError::Register(dead.into()));

    let _first = start("a", EpmdMode::Auto, port).await;
    let error = EpmdKeeper::start(settings("a", EpmdMode::Auto, port))
        .await
        .unwrap_err();
    let (name, epmd) = (String::from("a"), at(port));
    assert_eq!(error, RegisterError::NameTaken { name, epmd }.into());

    let error = EpmdKeeper::start(settings("b", EpmdMode::Embedded, port))
        .await
        .unwrap_err();
    assert!(
        matches!(error, EpmdError::Serve(ServeError::PortInUse { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn mode_none_does_nothing() {
    let keeper = start("a", EpmdMode::None, 1).await;
    assert_eq!(
        (keeper.creation(), &*keeper.state().borrow()),
        (None, &EpmdState::Off)
    );
    keeper.stop().await;
}

#[tokio::test]
async fn after_the_end_of_its_epmd_a_node_registers_with_the_next() {
    let port = interop::tcp();
    let server = epmd(port);
    let keeper = start("a", EpmdMode::External, port).await;
    let creation = keeper.creation();
    end(server).await;
    until(&keeper, |state| matches!(state, EpmdState::Lost(_))).await;
    let _server = epmd(port);
    until(&keeper, |state| {
        *state == EpmdState::RegisteredWith(at(port))
    })
    .await;
    assert!(lookup(at(port), "a", LONG).await.is_ok());
    assert_eq!(keeper.creation(), creation);
}

#[tokio::test]
async fn when_no_epmd_comes_back_one_of_us_serves_and_the_others_find_it() {
    let port = interop::tcp();
    let server = epmd(port);
    let a = start("a", EpmdMode::Auto, port).await;
    let b = start("b", EpmdMode::Auto, port).await;
    let creations = [a.creation(), b.creation()];
    end(server).await;
    let (serving, client) = (
        EpmdState::Serving(port),
        EpmdState::RegisteredWith(at(port)),
    );
    let (mut a_state, mut b_state) = (a.state(), b.state());
    let (first, second) = tokio::select! {
        served = timeout(LONG, a_state.wait_for(|state| *state == serving)) => (served.is_ok(), &b),
        served = timeout(LONG, b_state.wait_for(|state| *state == serving)) => (served.is_ok(), &a),
    };
    assert!(first);
    until(second, |state| *state == client).await;
    until_names(port, &["a", "b"]).await;
    assert_eq!([a.creation(), b.creation()], creations);
}

/// On a clock that stands still while anything is left to do, as the next.
#[tokio::test(start_paused = true)]
async fn a_name_that_someone_took_meanwhile_is_reported_and_tried_again() {
    let port = interop::tcp();
    let server = epmd(port);
    let keeper = start("a", EpmdMode::Auto, port).await;
    end(server).await;
    let with_thief = ServerSettings {
        port,
        ..ServerSettings::default()
    };
    let server = EpmdServer::bind(with_thief).unwrap();
    server
        .register(NodeEntry::new("a", 1, NodeType::Visible))
        .unwrap();
    let server = tokio::spawn(async { server.run().await });
    let (name, address) = (String::from("a"), at(port));
    let taken: EpmdError = RegisterError::NameTaken {
        name,
        epmd: address,
    }
    .into();
    until(&keeper, |state| *state == EpmdState::Lost(taken.clone())).await;
    // Its own time without a name is long; that of the port without an EPMD is too short to take it.
    sleep(5 * TAKE_OVER_AFTER).await;
    end(server).await;
    sleep(TAKE_OVER_AFTER / 2 + RETRY / 2).await;
    let _server = epmd(port);
    until(&keeper, |state| {
        *state == EpmdState::RegisteredWith(at(port))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_name_whose_last_owner_is_about_to_end_is_no_obstacle() {
    let port = interop::tcp();
    let _server = epmd(port);
    let last = register(at(port), NodeEntry::new("a", 1, NodeType::Visible), LONG)
        .await
        .unwrap();
    let started = tokio::spawn(EpmdKeeper::start(settings("a", EpmdMode::Auto, port)));
    sleep(START_PAUSE * 3 / 2).await;
    drop(last);
    started.await.unwrap().unwrap();
}

/// Waits until EPMD knows exactly these names, in any order.
async fn until_names(port: u16, wanted: &[&str]) {
    let known = async {
        loop {
            let mut nodes = names(at(port), LONG).await.unwrap_or_default();
            nodes.sort();
            if nodes
                .iter()
                .map(|(name, _)| name.as_str())
                .eq(wanted.iter().copied())
            {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, known).await.unwrap();
}

#[tokio::test]
async fn dropping_unregisters() {
    let port = interop::tcp();
    let _server = epmd(port);
    drop(start("a", EpmdMode::Auto, port).await);
    until_names(port, &[]).await;
}

#[test]
fn modes_are_read_as_they_are_written() {
    for (name, mode) in EpmdMode::NAMES {
        assert_eq!((mode.to_string().as_str(), name.parse()), (name, Ok(mode)));
    }
    assert_eq!("Auto".parse::<EpmdMode>(), Err(UnknownMode("Auto".into())));
}
