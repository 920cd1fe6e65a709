//! Nodes that should join a sound cluster and cannot, and one that freezes.

use interop::{BeamNode, BeamOptions};

use crate::ground::{Cluster, LIMIT, PATIENTLY, SPARE, on_cluster};

#[test]
fn each_node_that_cannot_join_is_found_first() {
    on_cluster(
        "each_node_that_cannot_join_is_found_first",
        |mut cluster| {
            frozen(&mut cluster);
            for at in 0..5 {
                cluster.nodes[at].value("Fixture.Log.clear()");
            }
            let secret = cluster.options("ex_esdb", SPARE);
            let secret = secret.env("EX_ESDB_CLUSTER_SECRET", "another");
            // Named, and found by what is heard alone.
            joins_not(&cluster, secret, "secret-differs", true);
            let mut cookie = cluster.options("ex_esdb", SPARE);
            cookie.cookie = "another".to_owned();
            joins_not(&cluster, cookie, "cookie-mismatch", true);
            let mut long = cluster.options("ex_esdb", SPARE);
            long.name = format!("ex_esdb@{}", cluster.hosts[SPARE].address());
            joins_not(&cluster, long, "name-form", true);
            tls_only(&cluster);
            silent(&mut cluster);
            twice(&cluster);
        },
    );
}

fn frozen(cluster: &mut Cluster) {
    cluster.nodes[2].freeze();
    let told = cluster.finds("node-frozen", &Cluster::name(2));
    assert_eq!(told.findings().len(), 1);
    cluster.nodes[2].thaw();
    cluster.wait_whole();
}

/// It is found whether it is named or, when it gossips, only heard.
#[track_caller]
fn joins_not(cluster: &Cluster, options: BeamOptions<'_>, code: &str, gossips: bool) {
    let name = options.name.clone();
    let node = BeamNode::start(options).unwrap();
    let first = Cluster::name(0);
    cluster
        .ask_about(&[&first, &name], &[])
        .is_first(code, &name);
    if gossips {
        cluster
            .ask_about(&[&first], PATIENTLY)
            .is_first(code, &name);
    }
    node.stop();
}

fn tls_only(cluster: &Cluster) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=spare0",
        ])
        .args(["-keyout", &key, "-out", &cert])
        .output();
    match made {
        Ok(output) if output.status.success() => {}
        _ => {
            let missing = interop::Missing("no openssl".to_owned());
            return interop::skip("a TLS-only node", &missing);
        }
    }
    let tls = cluster
        .options("ex_esdb", SPARE)
        .env("FIXTURE_GOSSIP", "off")
        .erl("-proto_dist inet_tls")
        .erl(&format!(
            "-ssl_dist_opt server_certfile {cert} -ssl_dist_opt server_keyfile {key}"
        ));
    joins_not(cluster, tls, "tls-only", false);
}

/// Nodes that do not gossip: one that waits to be dialled, one whose settings are in its environment alone, one that has
/// a store, and one that may well be as it is.
fn silent(cluster: &mut Cluster) {
    let start = |khepri: &str| {
        let options = cluster
            .options("ex_esdb", SPARE)
            .env("FIXTURE_GOSSIP", "off");
        let options = options
            .env("EX_ESDB_CLUSTER_SECRET", "another")
            .env("FIXTURE_KHEPRI", khepri);
        BeamNode::start(options).unwrap()
    };
    let first = Cluster::name(0);
    let connect = format!("Node.connect(:{first})");
    let names = |node: &BeamNode| [first.clone(), node.name().to_owned()];
    let ask = |node: &BeamNode| {
        let names = names(node);
        cluster.ask_about(&[&names[0], &names[1]], &[])
    };

    let mut plain = start("off");
    ask(&plain).is_first("not-gossiping", plain.name());
    let libcluster = "spec = {:application, :libcluster, [description: ~c\"\", vsn: ~c\"0\", modules: [], registered: [], \
        applications: []]}; :ok = :application.load(spec); :application.start(:libcluster)";
    assert_eq!(plain.value(libcluster), ":ok");
    let told = ask(&plain);
    told.is_first("secret-differs", plain.name());
    let evidence = &told.json["findings"][0]["evidence"];
    assert_eq!(evidence["settings read in"], "its environment variables");
    assert!(
        evidence["its environment has EX_ESDB_CLUSTER_SECRET"]
            .to_string()
            .contains("sha256:"),
        "{evidence}"
    );
    assert!(
        told.findings()[1].contains("not-gossiping"),
        "{:?}",
        told.findings()
    );
    assert_eq!(plain.value(":application.stop(:libcluster)"), ":ok");
    // Somebody connects it by hand, as one does with a shell.
    assert_eq!(plain.value(&connect), "true");
    plain.wait_until("length(Node.list())", "5", LIMIT);
    assert_eq!(ask(&plain).findings(), Vec::<String>::new());
    plain.stop();

    let mut store = start("on");
    assert_eq!(store.value(&connect), "true");
    store.wait_until("length(Node.list())", "5", LIMIT);
    ask(&store).is_first("not-gossiping", store.name());
    store.stop();
    cluster.wait_whole();
}

/// Another node of a name that there is; the two take each other's connections.
fn twice(cluster: &Cluster) {
    let mut twin = cluster.options("ex_esdb", SPARE);
    twin.name = Cluster::name(4);
    let _twin = BeamNode::start(twin).unwrap();
    cluster.finds("same-name-twice", &Cluster::name(4));
}
