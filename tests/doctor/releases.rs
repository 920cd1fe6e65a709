//! A selection with the other releases of OTP.

use interop::Otp;

use crate::ground::Cluster;

#[test]
fn the_same_with_other_releases_of_otp() {
    for suite in ["trixie", "sid"] {
        let mut cluster = match Otp::of(suite).and_then(|otp| Cluster::of(&otp)) {
            Ok(cluster) => cluster,
            Err(missing) => {
                interop::skip("the_same_with_other_releases_of_otp", &missing);
                continue;
            }
        };
        assert_eq!(cluster.ask(&[]).findings(), Vec::<String>::new());
        cluster.nodes[3].value("Fixture.Gossip.reconfigure(secret: nil)");
        cluster.finds("plain-heartbeats", &Cluster::name(3));
        let secret = crate::ground::SECRET;
        cluster.nodes[3].value(&format!("Fixture.Gossip.reconfigure(secret: {secret:?})"));
        cluster.nodes[4].value(&format!(
            "Fixture.Khepri.answer(nil, :{})",
            Cluster::name(4)
        ));
        cluster.finds("split-brain", &Cluster::name(4));
        cluster.nodes[4].value("Fixture.Khepri.answer(nil, nil)");
        cluster.nodes[2].freeze();
        cluster.finds("node-frozen", &Cluster::name(2));
        cluster.nodes[2].thaw();
    }
}
